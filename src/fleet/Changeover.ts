/**
 * From one configuration to the next while calls go on. A server whose settings changed is changed over by itself: beside
 * the old one (overlap) or after it (replace); the others are not touched.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Difference } from "../domain/ConfigDifference.ts"
import { UpstreamDown } from "../domain/Errors.ts"
import { type GatewayConfig, sameConnection, type ServerConfig } from "../domain/ServerConfig.ts"
import type { ServerId } from "../domain/ServerId.ts"
import { logger } from "../observability/Logging.ts"
import type { Inherited } from "../upstream/Supervisor.ts"
import type { Deployment } from "./Deployment.ts"
import { Drain } from "./FleetSettings.ts"

const log = logger("fleet")

/** The place of one server: how it is configured, and what stands for it now. */
export interface Slot {
  config: ServerConfig
  deployment: Deployment
  /** May calls go there? Not while the old one has to be gone before there is a new one. */
  isOpen: boolean
  readonly gate: Latch.Latch
}

/** New servers that are up by then become visible together, so that clients hear of one change. */
const GATHER = Duration.seconds(5)

/** `start` starts a server; `inherited` is what its predecessor was known to be. */
export const make = Effect.fnUntraced(function* <R>(options: {
  readonly start: (
    config: ServerConfig,
    inherited: Inherited | undefined
  ) => Effect.Effect<Deployment, never, R | Scope.Scope>
  /** Told when another has taken a server's place. */
  readonly replaced: (server: ServerId) => void
}) {
  const scope = yield* Effect.scope
  const drain = yield* Drain
  const context = yield* Effect.context<R>()
  const slots = new Map<ServerId, Slot>()
  const alive = new Set<Deployment>()
  /** One change of a server at a time. */
  const changing = yield* FiberMap.make<ServerId>()

  const start = (config: ServerConfig, inherited?: Inherited): Effect.Effect<Deployment> =>
    options.start(config, inherited).pipe(
      Scope.provide(scope),
      Effect.provideContext(context),
      Effect.tap((deployment) => Effect.sync(() => alive.add(deployment))),
      Effect.uninterruptible
    )

  const close = (deployment: Deployment): Effect.Effect<void> =>
    Effect.ensuring(
      deployment.close,
      Effect.sync(() => alive.delete(deployment))
    )

  /** Waits until its calls have ended, for as long as they are given. */
  const finish = ({ config, idle }: Deployment): Effect.Effect<void> =>
    Effect.timeoutOrElse(idle, {
      duration: drain,
      orElse: () =>
        log.warning(
          `${config.id}: calls to the former connection were still running after ${Duration.format(drain)} (MCP_DRAIN); they are cut off`,
          { server: config.id }
        )
    })

  /** Ends what nobody is led to any more, in its own time. */
  const dismiss = (deployment: Deployment) =>
    Effect.forkIn(deployment.retire.pipe(Effect.andThen(finish(deployment)), Effect.andThen(close(deployment))), scope)

  const add = Effect.fnUntraced(function* (config: ServerConfig) {
    const deployment = yield* start(config)
    slots.set(config.id, { config, deployment, isOpen: true, gate: yield* Latch.make(true) })
  })

  const inheritanceOf = ({ shared }: Deployment): Inherited => {
    const { catalogue, hints, peer } = SubscriptionRef.getUnsafe(shared.state)
    return { catalogue, hints, peer }
  }

  const settled = ({ config, shared }: Deployment) => Effect.timeoutOption(shared.settled, config.startTimeout)

  const openGate = (slot: Slot) =>
    Effect.suspend(() => {
      slot.isOpen = true
      return slot.gate.open
    })

  /** Another has the place. */
  const taken = (slot: Slot) =>
    Effect.andThen(
      openGate(slot),
      Effect.sync(() => options.replaced(slot.config.id))
    )

  const isUp = ({ shared }: Deployment): boolean => SubscriptionRef.getUnsafe(shared.state).status._tag === "Ready"

  /**
   * The new one stands beside the old one until it is known what became of its start; then it takes the place, for the file
   * is what counts. An old one that is not up has nothing to be kept for.
   */
  const overlap = (slot: Slot, successor: Deployment) =>
    Effect.suspend(() => (isUp(slot.deployment) ? Effect.asVoid(settled(successor)) : Effect.void)).pipe(
      Effect.onInterrupt(() => close(successor)),
      Effect.andThen(
        Effect.uninterruptible(
          Effect.suspend(() => {
            const former = slot.deployment
            slot.deployment = successor
            return Effect.andThen(taken(slot), dismiss(former))
          })
        )
      )
    )

  /** What there still is of a server, oldest first: also what was given up and is finishing its calls. */
  const remaining = (server: ServerId): ReadonlyArray<Deployment> =>
    [...alive].filter(({ config }) => config.id === server)

  /** All that there is of it ends first; calls that come meanwhile wait. */
  const replace = (slot: Slot, next: ServerConfig) =>
    Effect.suspend(() => {
      slot.isOpen = false
      slot.gate.closeUnsafe()
      return Effect.forEach(remaining(next.id), finish, { concurrency: "unbounded", discard: true })
    }).pipe(
      Effect.andThen(
        Effect.uninterruptible(
          Effect.gen(function* () {
            const inherited = inheritanceOf(slot.deployment)
            for (const former of remaining(next.id)) yield* Effect.andThen(former.retire, close(former))
            slot.deployment = yield* start(next, inherited)
            yield* taken(slot)
          })
        )
      )
    )

  /** Begins the change of one server; for those that overlap, gives what is to be waited for. */
  const change = Effect.fnUntraced(function* (slot: Slot, next: ServerConfig) {
    yield* FiberMap.remove(changing, next.id)
    slot.config = next
    // A change that was taken back before it was carried out.
    if (sameConnection(slot.deployment.config, next)) {
      yield* openGate(slot)
      return []
    }
    if (next.reload === "replace") {
      yield* FiberMap.run(changing, next.id, replace(slot, next))
      return []
    }
    const successor = yield* start(next, inheritanceOf(slot.deployment))
    yield* FiberMap.run(changing, next.id, overlap(slot, successor))
    return isUp(slot.deployment) ? [Effect.asVoid(settled(successor))] : []
  })

  return {
    slots,
    /** Every deployment that is not closed yet. */
    alive: alive as ReadonlySet<Deployment>,
    add,
    /** Waits until calls may go to a server again. */
    waitFor: ({ config, gate }: Slot): Effect.Effect<void, UpstreamDown> =>
      Effect.timeoutOrElse(gate.await, {
        duration: config.callTimeout,
        orElse: () => {
          const status = `being replaced, and its former calls have not ended within ${Duration.format(config.callTimeout)} (callTimeout)`
          return Effect.fail(new UpstreamDown({ server: config.id, status }))
        }
      }),
    /**
     * Carries out a difference. `commit` puts the configuration into force; what it shows is there by then, and what it
     * shows no longer goes after it.
     */
    apply: Effect.fnUntraced(function* (difference: Difference, next: GatewayConfig, commit: Effect.Effect<void>) {
      const wanted = new Map(next.servers.map((server) => [server.id, server]))
      const newcomers: Array<Effect.Effect<void>> = []
      const arrivals = new Map<ServerId, Slot>()
      for (const id of difference.added) {
        const config = wanted.get(id)
        if (config === undefined) continue
        const former = config.reload === "replace" ? remaining(id).at(-1) : undefined
        const deployment = former ?? (yield* start(config))
        const slot: Slot = { config, deployment, isOpen: true, gate: yield* Latch.make(true) }
        arrivals.set(id, slot)
        // One that was removed a moment ago may still hold what it is to have to itself.
        if (former !== undefined) yield* FiberMap.run(changing, id, replace(slot, config))
        else newcomers.push(Effect.asVoid(settled(deployment)))
      }
      for (const { isRebuilt, server } of difference.changed) {
        const slot = slots.get(server)
        const config = wanted.get(server)
        if (slot === undefined || config === undefined) continue
        if (isRebuilt) newcomers.push(...(yield* change(slot, config)))
        else slot.config = config
      }
      yield* Effect.timeoutOption(Effect.all(newcomers, { concurrency: "unbounded", discard: true }), GATHER)
      for (const [id, slot] of arrivals) slots.set(id, slot)
      yield* commit
      for (const id of difference.removed) {
        const slot = slots.get(id)
        yield* FiberMap.remove(changing, id)
        slots.delete(id)
        if (slot === undefined) continue
        yield* openGate(slot)
        yield* dismiss(slot.deployment)
      }
    })
  }
})
