/** How a server of unknown era is approached, by the means of each transport. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Frame from "../domain/Frame.ts"
import type { Lane } from "../domain/Lane.ts"
import type { Era, ModernRevision } from "../domain/Protocol.ts"
import type { Remote, ServerConfig } from "../domain/ServerConfig.ts"
import { logger } from "../observability/Logging.ts"
import * as Handshake from "./Handshake.ts"
import type { HttpAgent } from "./HttpAgent.ts"
import * as HttpProbe from "./HttpProbe.ts"
import * as HttpTransport from "./HttpTransport.ts"
import * as ModernHttpTransport from "./ModernHttpTransport.ts"
import type * as Negotiation from "./Negotiation.ts"
import * as Rpc from "./Rpc.ts"
import type { Open } from "./Transport.ts"
import type { Peer } from "./Upstream.ts"

const log = logger("upstream")

/** A server that can be talked to. */
export interface Line {
  readonly rpc: Rpc.Rpc
  readonly peer: Peer
}

/** One way to a server: as legacy, as modern, or with the question which of both it is. */
export interface Approach<R> {
  readonly asLegacy: Effect.Effect<Line, Rpc.RpcError, R | Scope.Scope>
  readonly asModern: (peer: Negotiation.ModernPeer) => Effect.Effect<Line, Rpc.RpcError, R | Scope.Scope>
  readonly ask: (revision: ModernRevision) => Effect.Effect<Negotiation.Outcome, Rpc.RpcError, R | Scope.Scope>
  /** What came of the question after it was no longer waited for. */
  readonly late: () => Negotiation.Outcome | undefined
}

/** For whom a way is sought, and what is known before. */
export interface Seeker {
  readonly config: ServerConfig
  readonly lane: Lane
  readonly unrelated: Rpc.Unrelated
  /** As configured, remembered, or presumed after a start that failed. */
  readonly era: Era | undefined
  /** Told that a process ended over the question, and again without it: that may not have been the reason. */
  readonly endedAgain: () => void
}

const speak = <R>(open: Open<R>, { config, unrelated }: Seeker) => Rpc.open(open, unrelated, config)

/** Over a transport that knows no modern era. */
export const legacyOnly = <R>(open: Open<R>, seeker: Seeker) =>
  Effect.flatMap(speak(open, seeker), (rpc) =>
    Effect.map(Handshake.initialize(rpc, seeker.lane), (peer): Line => ({ rpc, peer }))
  )

/** Over HTTP the question is an exchange of its own; what comes of it decides about the transport. */
export const remote = (to: Remote, seeker: Seeker): Approach<HttpAgent> => ({
  asLegacy: legacyOnly(HttpTransport.open(to), seeker),
  asModern: (peer) =>
    Effect.flatMap(speak(ModernHttpTransport.open(to, peer.revision), seeker), (rpc) =>
      Effect.as(rpc.agreed(peer.revision), { rpc, peer })
    ),
  ask: (revision) => HttpProbe.discover(to, revision, Handshake.encodeDiscover(seeker.lane, revision)(0)),
  late: () => undefined
})

/** How long a process that says nothing is waited for. It may be starting still: what it says later counts too. */
const patienceFor = ({ startTimeout }: ServerConfig): Duration.Duration =>
  Duration.min(Duration.seconds(5), Duration.times(startTimeout, 0.25))

/**
 * One process for the question and for what follows. Only where it ends over the question (some servers end over whatever
 * comes before initialize) is it started a second time.
 */
export const local = <R>(open: Open<R>, seeker: Seeker): Effect.Effect<Approach<R>, Rpc.RpcError, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { config, era, lane } = seeker
    const first = yield* Scope.fork(yield* Effect.scope)
    const rpc = yield* Scope.provide(speak(open, seeker), first)
    let hasEnded = false
    let answer: Frame.Frame | undefined

    const answered = (frame: Frame.Frame): Negotiation.Outcome => ({ _tag: "Answered", frame })

    const again = Effect.gen(function* () {
      yield* Scope.close(first, Exit.void)
      const how = "so it is taken for a legacy server and started anew"
      yield* log.info(`${config.id} ended when asked with server/discover, ${how}`, { server: config.id })
      return yield* legacyOnly(open, seeker).pipe(
        Effect.tapErrorTag("ConnectionLost", () => Effect.sync(seeker.endedAgain))
      )
    })

    return {
      asLegacy: Effect.suspend(() =>
        hasEnded ? again : Effect.map(Handshake.initialize(rpc, lane), (peer): Line => ({ rpc, peer }))
      ),
      asModern: (peer) => Effect.as(rpc.agreed(peer.revision), { rpc, peer }),
      ask: Effect.fnUntraced(function* (revision) {
        const asking = rpc.initialize(Handshake.encodeDiscover(lane, revision)).pipe(
          Effect.tap((frame) => Effect.sync(() => void (answer = frame))),
          Effect.map(answered)
        )
        if (era === "modern") return yield* asking
        const fiber = yield* Effect.forkIn(asking, first)
        return yield* Fiber.join(fiber).pipe(
          Effect.catchTag("ConnectionLost", () =>
            Effect.sync((): Negotiation.Outcome => {
              hasEnded = true
              return { _tag: "Ended" }
            })
          ),
          Effect.timeoutOrElse({
            duration: patienceFor(config),
            orElse: () => Effect.succeed<Negotiation.Outcome>({ _tag: "Silent" })
          })
        )
      }),
      late: () => (answer === undefined ? undefined : answered(answer))
    }
  })
