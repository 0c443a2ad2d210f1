/** Calls over a connection that comes and goes: what may be sent again is, and what became of the rest is said as it is. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Breaker from "../domain/Breaker.ts"
import type * as Catalogue from "../domain/Catalogue.ts"
import { AnswerDropped, CallTimeout, OutcomeUnknown, UpstreamDown, UpstreamRefused } from "../domain/Errors.ts"
import { isRepeatable } from "../domain/Repeatable.ts"
import type { ServerConfig } from "../domain/ServerConfig.ts"
import { classify } from "../domain/UpstreamFailure.ts"
import type { Connection } from "./Connection.ts"
import * as ModernCall from "./ModernCall.ts"
import * as Restraint from "./Restraint.ts"
import type { CallHandlers, RpcError } from "./Rpc.ts"
import type { MessageRefused } from "./Transport.ts"
import type { Answered, Outgoing, UpstreamError } from "./Upstream.ts"

type Line = Pick<Connection, "rpc" | "peer" | "headersFor">

/** What was done already so that this call might succeed; each is done once. */
interface Tries {
  /** A new session was begun for it. */
  readonly isRenewed: boolean
  /** It was sent a second time. */
  readonly isRepeated: boolean
}

const FIRST: Tries = { isRenewed: false, isRepeated: false }

/** HTTP statuses after which the server, or the one behind it, may have acted on the call. */
const isUndecided = ({ status }: MessageRefused): boolean =>
  status !== undefined && status >= 500 && status !== 501 && status !== 503

/**
 * What a failed call says about its server: something against it, that it is there all the same, that it does not want
 * our credentials (401; 403 is about this call alone), or nothing.
 */
export const judge = (error: RpcError): Breaker.Why | "alive" | "credentials" | "nothing" => {
  switch (error._tag) {
    case "SessionExpired":
      return "nothing"
    case "Silent":
      // A call that went on for too long was at least worked on.
      return error.limit === "maxCallTime" ? "nothing" : { failure: "timeout", reason: "it did not answer in time" }
    case "ConnectionLost":
      return error.ending === "closed" ? "nothing" : { failure: classify(error), reason: error.reason }
    case "AnswerRefused":
      return "alive"
    case "MessageRefused": {
      const { reason, status } = error
      const failure = classify(error)
      if (status === undefined || failure === "rate-limit") return "nothing"
      if (status === 401) return "credentials"
      return status >= 500 ? { failure, reason } : "alive"
    }
  }
}

/** Does the failure itself say that nobody knows what became of the call? */
const saysUnknown = (error: UpstreamError): boolean =>
  error._tag === "OutcomeUnknown" || (error._tag === "CallTimeout" && !error.unsent)

const retryAfter = (millis: number | undefined) => (millis === undefined ? {} : { retryAfterMillis: millis })

export interface Calling<L extends Line> {
  readonly config: ServerConfig
  readonly restraint: Restraint.Restraint
  readonly tools: () => ReadonlyArray<Catalogue.Item>
  readonly refreshTools: Effect.Effect<void>
  /** The connection, where calls may go there as it is. */
  readonly live: () => L | undefined
  /** The connection to use now. Waits for a start under way. */
  readonly connected: Effect.Effect<L, UpstreamDown>
  /** The one after this, whose session has ended. */
  readonly renewed: (gone: L) => Effect.Effect<L, UpstreamDown>
  /** This one where it stands, else the one after it; waits through restarts. */
  readonly returned: (gone: L) => Effect.Effect<L, UpstreamDown>
  /** Told that calls are held back from now on, and why. */
  readonly held: (text: string) => Effect.Effect<void>
  /** Told that they are not any more. */
  readonly resumed: Effect.Effect<void>
}

/** The call of an `Upstream`. */
export const make = <L extends Line>(options: Calling<L>) => {
  const { config, connected, live, refreshTools, renewed, restraint, resumed, returned, tools } = options
  const server = config.id
  const refusals = new Restraint.Refusals(config.breaker)

  const isClear = () => restraint.isClear && refusals.isClear

  const refusal = (what: Restraint.Held, now: number): UpstreamDown =>
    new UpstreamDown({
      server,
      status: Restraint.describe(what, now),
      failure: what.failure,
      retryAfterMillis: what.until - now
    })

  const request = (outgoing: Outgoing, { headersFor, peer, rpc }: L, handlers: CallHandlers, ticket: number) => {
    const wanted = headersFor(outgoing, tools())
    const headers = outgoing.headers === undefined ? wanted : { ...outgoing.headers, ...wanted }
    return Effect.map(
      rpc.request((id) => outgoing.encode(id, peer.era), handlers, headers),
      (frame): Answered => {
        restraint.succeeded(ticket)
        refusals.answered()
        return { frame, era: peer.era }
      }
    )
  }

  const send = (outgoing: Outgoing, line: L, handlers: CallHandlers, ticket: number) =>
    line.peer.era === "legacy"
      ? request(outgoing, line, handlers, ticket)
      : ModernCall.make({
          // What tools want as headers may be another the second time.
          attempt: Effect.suspend(() => request(outgoing, line, handlers, ticket)),
          refreshTools,
          isTool: outgoing.method === "tools/call"
        })

  /** Keeps what a failed call says about the server. */
  const remember = (error: RpcError, ticket: number, now: number): Effect.Effect<void> => {
    const said = judge(error)
    const keep = (): Restraint.Held | undefined => {
      if (typeof said === "object") return restraint.failed(ticket, now, said)
      if (said === "alive") restraint.succeeded(ticket)
      else restraint.released(ticket, now)
      if (error._tag !== "MessageRefused") return undefined
      return said === "credentials" ? refusals.refused(error.reason, now) : restraint.heed(error, error.reason, now)
    }
    const news = keep()
    return news === undefined ? Effect.void : options.held(Restraint.describe(news, now))
  }

  const mayRepeat = ({ method, target }: Outgoing): boolean =>
    config.retryIdempotent && isRepeatable(method, target, tools())

  /** The connection to repeat a call on. It is waited for as long as a call is. */
  const awaited = (line: L, otherwise: UpstreamError): Effect.Effect<L, UpstreamError> =>
    Effect.timeoutOrElse(returned(line), { duration: config.callTimeout, orElse: () => Effect.fail(otherwise) })

  const failed = Effect.fnUntraced(function* (
    error: RpcError,
    ticket: number,
    line: L,
    outgoing: Outgoing,
    handlers: CallHandlers,
    tries: Tries
  ): Effect.fn.Return<Answered, UpstreamError> {
    yield* remember(error, ticket, yield* Clock.currentTimeMillis)
    const repeated = (otherwise: UpstreamError) =>
      go(outgoing, handlers, awaited(line, otherwise), { ...tries, isRepeated: true })
    /** Whatever becomes of a second time, it does not make known what became of the first. */
    const unlessRepeatable = (unknown: OutcomeUnknown): Effect.Effect<Answered, UpstreamError> =>
      tries.isRepeated || !mayRepeat(outgoing)
        ? Effect.fail(unknown)
        : Effect.mapError(repeated(unknown), (second) => (saysUnknown(second) ? second : unknown))
    switch (error._tag) {
      case "Silent": {
        const { limit, unsent } = error
        return yield* new CallTimeout({ server, seconds: Duration.toSeconds(config[limit]), limit, unsent })
      }
      // The server did not act on it: a new beginning, and the same call once more.
      case "SessionExpired": {
        if (tries.isRenewed) return yield* new UpstreamRefused({ server, reason: error.message })
        yield* line.rpc.expire
        return yield* go(outgoing, handlers, renewed(line), { ...tries, isRenewed: true })
      }
      case "ConnectionLost": {
        const { reason, unsent } = error
        const failure = classify(error)
        if (unsent) {
          const down = new UpstreamDown({ server, status: `unreachable: ${reason}`, failure })
          return yield* tries.isRepeated ? down : repeated(down)
        }
        return yield* unlessRepeatable(new OutcomeUnknown({ server, reason, failure }))
      }
      case "AnswerRefused":
        return yield* new AnswerDropped({ server, reason: error.reason })
      case "MessageRefused": {
        const { reason, retryAfterMillis } = error
        const failure = error.status === undefined ? {} : { failure: classify(error) }
        if (!isUndecided(error)) {
          return yield* new UpstreamRefused({ server, reason, ...failure, ...retryAfter(retryAfterMillis) })
        }
        return yield* unlessRepeatable(new OutcomeUnknown({ server, reason, stands: true, ...failure }))
      }
    }
  })

  const go = (
    outgoing: Outgoing,
    handlers: CallHandlers,
    next: Effect.Effect<L, UpstreamError>,
    tries: Tries
  ): Effect.Effect<Answered, UpstreamError> =>
    Effect.flatMapEager(next, (line) => {
      const attempt = (ticket: number) =>
        Effect.catch(send(outgoing, line, handlers, ticket), (error) =>
          failed(error, ticket, line, outgoing, handlers, tries)
        )
      if (isClear()) return attempt(restraint.ticket)
      return Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const why = restraint.heldAt(now) ?? refusals.heldAt(now)
        if (why !== undefined) return Effect.fail(refusal(why, now))
        refusals.admit(now)
        const ticket = restraint.admit(now)
        return attempt(ticket).pipe(
          Effect.tap(() => (isClear() ? resumed : Effect.void)),
          Effect.onInterrupt(() => Effect.map(Clock.currentTimeMillis, (then) => restraint.released(ticket, then)))
        )
      })
    })

  return (outgoing: Outgoing, handlers: CallHandlers) => {
    const line = live()
    return go(outgoing, handlers, line === undefined ? connected : Effect.succeed(line), FIRST)
  }
}
