/** How many calls may be made at a time, and whose turn is next: domain/FairQueue, for the calls of this process. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { type ByteBudget, Holding } from "../domain/ByteBudget.ts"
import { type Bound, FairQueue, Place, type QueueBounds } from "../domain/FairQueue.ts"
import { LimitReached } from "../domain/Errors.ts"
import type { Owner } from "../domain/Owner.ts"
import type { ServerConfig } from "../domain/ServerConfig.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { expose } from "../observability/Metrics.ts"
import * as Vital from "../observability/Vital.ts"
import * as Setting from "../settings/Setting.ts"
import * as Bounds from "../upstream/Bounds.ts"
import * as GatewayMetrics from "./GatewayMetrics.ts"

export const settings = {
  concurrent: Setting.integer({
    name: "MCP_MAX_CALLS_PER_USER",
    description:
      "How many calls one person, machine credential or session without sign-in may make at a time. Further ones wait.",
    fallback: 64,
    minimum: 1,
    maximum: 100_000
  }),
  queued: Setting.integer({
    name: "MCP_MAX_QUEUED_PER_USER",
    description: "How many of their calls may wait. Further ones are refused.",
    fallback: 256,
    minimum: 0,
    maximum: 1_000_000
  })
}

/** What each owner may have, over all servers. */
export const PerOwner = Context.Reference<QueueBounds>("mcp-proxy/gateway/Limits/PerOwner", {
  defaultValue: () => ({ concurrent: settings.concurrent.absent, queued: settings.queued.absent })
})

/** What a call has as long as it is under way: its place, and room for the bytes of its request. */
export class Admission {
  readonly place: Place
  private readonly held: Holding

  constructor(place: Place, held: Holding) {
    this.place = place
    this.held = held
  }

  /** The call is over. Nothing the second time. */
  leave(): void {
    this.place.leave()
    this.held.release()
  }
}

export class Limits extends Context.Service<
  Limits,
  {
    /** Lets a call of so many bytes in, which may have to wait for its turn, and has to leave; or says why it is not made. */
    readonly enter: (server: ServerConfig, owner: Owner | undefined, bytes: number) => Admission | LimitReached
    /** Waits for the turn of a call that has to, as long as a call may be silent. */
    readonly turn: (admission: Admission, server: ServerConfig) => Effect.Effect<void, LimitReached>
    /** How many calls wait for their turn. */
    readonly waiting: () => number
  }
>()("mcp-proxy/gateway/Limits") {}

const notSent = (why: string): LimitReached => new LimitReached({ limit: `The call was not sent: ${why}` })

/** Which bound keeps calls waiting, and how it is set. */
const atATime = (which: Bound, { calls, id }: ServerConfig, perOwner: QueueBounds): string =>
  which === "owner"
    ? `you may make ${perOwner.concurrent} at a time (${settings.concurrent.name})`
    : `server "${id}" is given ${calls.concurrent} at a time (mcpServers.${id}.maxConcurrentCalls)`

export const layer: Layer.Layer<Limits, never, Fleet> = Layer.effect(
  Limits,
  Effect.gen(function* () {
    const perOwner = yield* PerOwner
    const buffers: ByteBudget = yield* Bounds.Buffers
    const queue = new FairQueue(perOwner)
    const fleet = yield* Fleet
    // Calls that wait are not left to wait for the next one that comes.
    yield* Vital.fork(
      "The watch over bounds that change",
      Stream.runForEach(fleet.changes, ({ servers }) =>
        Effect.sync(() => {
          for (const { calls, id } of servers) queue.rebind(id, calls)
        })
      )
    )
    yield* expose(GatewayMetrics.families.queued, () => queue.waiting)
    yield* expose(GatewayMetrics.families.buffered, () => buffers.taken)

    const refused = (which: Bound, { calls, id }: ServerConfig): LimitReached => {
      const many =
        which === "owner"
          ? `${perOwner.queued} of your calls wait already (${settings.queued.name})`
          : `${calls.queued} calls wait for server "${id}" already (mcpServers.${id}.maxQueuedCalls)`
      return notSent(many)
    }

    return Limits.of({
      enter: (server, owner, bytes) => {
        const place = queue.enter(server.id, server.calls, owner)
        if (!(place instanceof Place)) return refused(place, server)
        const held = new Holding(buffers)
        if (held.add(bytes)) return new Admission(place, held)
        place.leave()
        return notSent(Bounds.noRoom(buffers))
      },
      turn: ({ place }, server) =>
        Effect.callback<void>((resume) => {
          if (!place.isWaiting) resume(Effect.void)
          // Not within the end of another call: one that fails at once would end within this one's turn, and so on.
          else place.onTurn = () => resume(Effect.yieldNow)
        }).pipe(
          Effect.timeoutOrElse({
            duration: server.callTimeout,
            orElse: () => {
              const seconds = Duration.toSeconds(server.callTimeout)
              const why = atATime(place.waitsFor, server, perOwner)
              return Effect.fail(notSent(`its turn did not come within ${seconds} s; ${why}`))
            }
          })
        ),
      waiting: () => queue.waiting
    })
  })
)
