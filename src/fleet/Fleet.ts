/** All upstream servers: one deployment for each, changed over to another where its configuration changes. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { Shelf } from "../domain/Catalogue.ts"
import * as ConfigDifference from "../domain/ConfigDifference.ts"
import { type LimitReached, UpstreamDown } from "../domain/Errors.ts"
import * as Lane from "../domain/Lane.ts"
import type { GatewayConfig, ServerConfig } from "../domain/ServerConfig.ts"
import type { ServerId, SessionKey } from "../domain/ServerId.ts"
import { expose, Metrics } from "../observability/Metrics.ts"
import type { Platform } from "../upstream/Connection.ts"
import * as Vital from "../observability/Vital.ts"
import type { EraVerdicts } from "../upstream/EraVerdicts.ts"
import type { LaneEvent, Upstream } from "../upstream/Upstream.ts"
import * as Changeover from "./Changeover.ts"
import * as Deployment from "./Deployment.ts"
import * as FleetMetrics from "./FleetMetrics.ts"

export class Fleet extends Context.Service<
  Fleet,
  {
    /** The configuration in force. */
    readonly config: () => GatewayConfig
    /** The configuration in force, and each that comes after it. */
    readonly changes: Stream.Stream<GatewayConfig>
    /**
     * Puts another configuration into force, and says what was different. Servers that are the same keep their connections
     * and calls. It returns when the change is visible; former connections may still be finishing their calls.
     */
    readonly apply: (next: GatewayConfig) => Effect.Effect<ConfigDifference.Difference>
    /** The shared connection of a server; for servers that are not shared, the one that watches over its health. */
    readonly shared: (server: ServerId) => Upstream["Service"] | undefined
    /** The caller's connection if it is open already. */
    readonly peek: (server: ServerId, caller: Lane.Caller) => Upstream["Service"] | undefined
    /**
     * Begins a use of a server, at once. Its connections do not close until it ends, but by force: when they have been
     * replaced for longer than calls are given. Undefined where calls have to wait until it is open to them, or there is no
     * such server.
     */
    readonly begin: (server: ServerId) => Deployment.Use | undefined
    /** Waits until a server is open to calls. */
    readonly opened: (server: ServerId) => Effect.Effect<void, UpstreamDown>
    /** The caller's connection, opened if need be, in use for as long as the scope lives. */
    readonly borrow: (
      server: ServerId,
      caller: Lane.Caller
    ) => Effect.Effect<Upstream["Service"], LimitReached | UpstreamDown, Scope.Scope>
    /**
     * Has something done on the caller's connection, and again on each that takes its place. It keeps none from being
     * replaced. Fails when there is no such server any more.
     */
    readonly attend: <E, R>(
      server: ServerId,
      caller: Lane.Caller,
      use: (upstream: Upstream["Service"]) => Effect.Effect<void, E, R>
    ) => Effect.Effect<never, E | LimitReached | UpstreamDown, Exclude<R, Scope.Scope>>
    /** Keeps the caller's own connections from idling out while the scope lives. */
    readonly hold: (caller: Lane.Caller) => Effect.Effect<void, never, Scope.Scope>
    /** Closes what only this session used. */
    readonly release: (session: SessionKey) => Effect.Effect<void>
    /** How many lanes are open. */
    readonly lanes: () => number
    readonly events: PubSub.PubSub<LaneEvent>
  }
>()("mcp-proxy/fleet/Fleet") {}

/** How often idle lanes are looked for. */
const SWEEP = Duration.seconds(30)

const holdKeys = (caller: Lane.Caller): ReadonlyArray<string> => [
  ...(caller.session === undefined ? [] : [`session ${caller.session}`]),
  `user ${caller.principal.subject}`
]

/** Starts every enabled server at once and waits for none of them. */
export const layer = (initial: GatewayConfig): Layer.Layer<Fleet, never, Platform | EraVerdicts> =>
  Layer.effect(
    Fleet,
    Effect.gen(function* () {
      const events = yield* PubSub.unbounded<LaneEvent>()
      const current = yield* SubscriptionRef.make(initial)
      const config = () => SubscriptionRef.getUnsafe(current)
      const holds = new Map<string, number>()
      const shelves = new Map<ServerId, Shelf>()
      const shelfOf = (server: ServerId): Shelf => {
        const found = shelves.get(server) ?? new Shelf()
        shelves.set(server, found)
        return found
      }
      const changeover = yield* Changeover.make({
        start: (server: ServerConfig, inherited) =>
          Deployment.start(
            server,
            {
              shelf: shelfOf(server.id),
              publish: (event) => void PubSub.publishUnsafe(events, event),
              bounds: config,
              isHeld: (owner) => holds.has(owner)
            },
            inherited
          ),
        replaced: (server) =>
          void PubSub.publishUnsafe(events, { server, lane: Lane.shared, event: { _tag: "Replaced" } })
      })
      const { slots } = changeover
      for (const server of initial.servers) yield* changeover.add(server)

      const gone = (server: ServerId) => new UpstreamDown({ server, status: "not configured any more" })

      /** The slot, once calls may go there. */
      const opened = (server: ServerId): Effect.Effect<Changeover.Slot, UpstreamDown> =>
        Effect.suspend(() => {
          const slot = slots.get(server)
          if (slot === undefined) return Effect.fail(gone(server))
          return slot.isOpen
            ? Effect.succeed(slot)
            : Effect.andThen(
                changeover.waitFor(slot),
                Effect.suspend(() => opened(server))
              )
        })

      const begin = (server: ServerId): Deployment.Use | undefined => {
        const slot = slots.get(server)
        return slot?.isOpen === true ? slot.deployment.begin() : undefined
      }

      /** A use as long as the scope lives. */
      const use = Effect.fnUntraced(function* (
        server: ServerId
      ): Effect.fn.Return<Deployment.Use, UpstreamDown, Scope.Scope> {
        for (;;) {
          const begun = yield* Effect.acquireRelease(
            Effect.sync(() => begin(server)),
            (taken) => Effect.sync(() => taken?.end())
          )
          if (begun !== undefined) return begun
          yield* opened(server)
        }
      })

      const sweep = Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.forEach([...changeover.alive], (deployment) => deployment.sweep(now), { discard: true })
      )
      yield* Vital.fork("The sweep over idle connections", Effect.repeat(sweep, Schedule.spaced(SWEEP)))

      const applying = yield* Semaphore.make(1)

      const { only } = yield* Metrics
      yield* only("server", (server) => slots.has(server as ServerId))
      const clock = yield* Clock.Clock
      const deployments = () => [...slots.values()].map(({ deployment }) => deployment)
      yield* expose(FleetMetrics.families.status, () => FleetMetrics.statuses(deployments()))
      yield* expose(FleetMetrics.families.circuit, () =>
        FleetMetrics.circuits(deployments(), clock.currentTimeMillisUnsafe())
      )
      yield* expose(FleetMetrics.families.lanes, () => FleetMetrics.lanes([...changeover.alive]))

      return Fleet.of({
        config,
        changes: SubscriptionRef.changes(current),
        events,
        apply: Effect.fn("Fleet.apply")(function* (next: GatewayConfig) {
          const difference = ConfigDifference.between(config(), next)
          yield* changeover.apply(difference, next, SubscriptionRef.set(current, next))
          for (const server of difference.removed) shelves.delete(server)
          return difference
        }, applying.withPermits(1)),
        shared: (server) => slots.get(server)?.deployment.shared,
        peek: (server, caller) => slots.get(server)?.deployment.peek(caller),
        begin,
        opened: (server) => Effect.asVoid(opened(server)),
        borrow: (server, caller) => Effect.flatMap(use(server), ({ connection }) => connection(caller)),
        attend: (server, caller, use) =>
          Effect.gen(function* () {
            const { deployment } = yield* opened(server)
            const upstream = yield* deployment.join(caller)
            yield* Effect.raceFirst(use(upstream), deployment.retired)
            yield* deployment.retired
          }).pipe(Effect.scoped, Effect.forever),
        hold: (caller) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              for (const key of holdKeys(caller)) holds.set(key, (holds.get(key) ?? 0) + 1)
            }),
            () =>
              Effect.map(Clock.currentTimeMillis, (now) => {
                for (const key of holdKeys(caller)) {
                  const left = (holds.get(key) ?? 1) - 1
                  if (left > 0) holds.set(key, left)
                  else holds.delete(key)
                }
                for (const deployment of changeover.alive) deployment.touch(holdKeys(caller), now)
              })
          ),
        release: (session) =>
          Effect.forEach([...changeover.alive], (deployment) => deployment.release(session), { discard: true }),
        lanes: () => [...changeover.alive].reduce((sum, deployment) => sum + deployment.lanes(), 0)
      })
    })
  )
