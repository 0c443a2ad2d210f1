/** Requests, answers, notifications and questions over one transport. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberMap from "effect/FiberMap"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import { CODE, isModernRevision, META } from "../domain/Protocol.ts"
import type { SessionKey } from "../domain/ServerId.ts"
import { TransientMap } from "../domain/TransientMap.ts"
import * as Attached from "./Attached.ts"
import {
  ConnectionLost,
  lostWith,
  type MessageHeaders,
  MessageRefused,
  type Open,
  type Receiver,
  type TransportError
} from "./Transport.ts"
import * as Vigil from "./Vigil.ts"

/** What the caller answered to a question: the bytes of its `result` or `error`. */
export interface Answer {
  readonly outcome: "result" | "error"
  readonly body: Uint8Array
}

/** An answer of our own: the question cannot be put to anybody. */
export const unanswerable = (message: string): Answer => ({
  outcome: "error",
  body: Json.encode({ code: CODE.methodNotFound, message })
})

/** Where what a server says while it works on a call goes. `notify` and `polling` return at once. */
export interface CallHandlers {
  /** Whose calls may be taken for each other's where a server does not say which it speaks of: a client session's. */
  readonly session: SessionKey
  /** Progress (under our token: the request's id), a log message, or another notification that came with the call. */
  readonly notify: (frame: Frame.Frame) => void
  readonly ask: (frame: Frame.Frame) => Effect.Effect<Answer>
  /** The server closed the stream on purpose and answers later; the caller may be let go likewise. */
  readonly polling: (retryMillis: number | undefined) => void
}

/** Where goes what no call accounts for. */
export interface Unrelated {
  readonly notification: (frame: Frame.Frame) => void
  readonly ask: (frame: Frame.Frame) => Effect.Effect<Answer>
  /** A fault of the server's, to be logged. */
  readonly fault: (description: string) => void
}

/** A call took longer than it may, and was given up. */
export class Silent extends Schema.TaggedError<Silent>()("Silent", {
  /** Silent for that long, or under way for that long whatever was heard of it. */
  limit: Schema.Literals(["callTimeout", "maxCallTime"]),
  /** Was it certainly not handed to the server? Elsewhere that was told to cancel. */
  unsent: Schema.Boolean
}) {}

/** How long calls may take. */
export interface Bounds {
  /** How long a call may go without a sign of life. */
  readonly callTimeout: Duration.Duration
  /** How long it may take however often there is one. */
  readonly maxCallTime: Duration.Duration
}

export type RpcError = TransportError | Silent

export interface Rpc {
  /** Sends the request that `encode` makes of our id, and waits for its answer. Interruption tells the server to cancel. */
  readonly request: (
    encode: (id: number) => Pieces.Pieces,
    handlers?: CallHandlers,
    headers?: MessageHeaders
  ) => Effect.Effect<Frame.Frame, RpcError>
  /** The same for what is no call: the first words to a server, and pings. They may take as long as they do, and are never cancelled. */
  readonly initialize: (
    encode: (id: number) => Pieces.Pieces,
    headers?: MessageHeaders
  ) => Effect.Effect<Frame.Frame, RpcError>
  /** From now on a server that is silent is pinged, and one that hangs is lost. */
  readonly watchOver: (vigil: Vigil.Vigil) => void
  /** A request whose answer is its end, and what is said under its id until then. Interruption cancels it. */
  readonly listen: (
    encode: (id: number) => Pieces.Pieces,
    heard: (frame: Frame.Frame) => void,
    headers?: MessageHeaders
  ) => Effect.Effect<Frame.Frame, RpcError>
  readonly notify: (message: Uint8Array) => Effect.Effect<void, TransportError>
  /** The calls in flight, oldest first; requests of our own are not among them. */
  readonly calls: () => ReadonlyArray<CallHandlers>
  /** Told once the revision is known: of a modern one, no questions are taken any more. */
  readonly agreed: (revision: string) => Effect.Effect<void>
  /** Fails when nothing can be sent on the connection any more; never succeeds. In most cases all that was in flight is lost with it. */
  readonly lost: Effect.Effect<never, ConnectionLost>
  /** Gives the connection up for lost. */
  readonly lose: (why: ConnectionLost) => Effect.Effect<void>
  /** The same, at this moment. */
  readonly isLost: () => boolean
  /** Succeeds when the server has ended the session. What is in flight may still be answered. */
  readonly expired: Effect.Effect<void>
  /** Says that the session is expired, as seen by a request of the caller's. */
  readonly expire: Effect.Effect<void>
}

interface Asked {
  readonly handlers?: CallHandlers | undefined
  readonly headers?: MessageHeaders | undefined
  /** Who listens to what is said under the id, where it is a request to listen. */
  readonly heard?: (frame: Frame.Frame) => void
  /** May it take as long as it does? */
  readonly isPatient: boolean
}

interface Pending extends Asked {
  readonly done: Deferred.Deferred<Frame.Frame, RpcError>
  /** The tick at which it was made, and later by as long as somebody was being asked. */
  madeAt: number
  /** The tick at which the server was last heard about it. */
  heardAt: number
}

const TICK_MILLIS = 1000

/** How long it may take to hand over that a request is cancelled. */
const TELLING_MILLIS = 10_000

/** How many ids of cancelled requests are remembered, so that their late answers are not taken for faults. */
const REMEMBERED = 256

const encodeMessage = (message: object): Pieces.Pieces => [Json.encode({ jsonrpc: "2.0", ...message })]

/** The request to listen to which a notification belongs (2026-07-28, basic/patterns/subscriptions). */
const subscriptionOf = (frame: Frame.Frame): number | undefined => {
  const id = Frame.valueAt(frame, "_meta", META.subscriptionId)
  return typeof id === "number" ? id : undefined
}

const answerTo = (question: Frame.Frame, answer: Answer): Pieces.Pieces =>
  Pieces.gather([
    Json.utf8('{"jsonrpc":"2.0","id":'),
    Frame.rawId(question),
    Json.utf8(`,"${answer.outcome}":`),
    Json.singleLine(answer.body),
    Json.utf8("}")
  ])

/** Opens a transport and speaks JSON-RPC over it. */
export const open = <R>(openTransport: Open<R>, unrelated: Unrelated, { callTimeout, maxCallTime }: Bounds) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const longestSilence = Duration.toMillis(callTimeout)
    const longest = Duration.toMillis(maxCallTime)
    const pending = new TransientMap<number, Pending>()
    const cancelled = new Set<number>()
    const expired = yield* Deferred.make<void>()
    const lost = yield* Deferred.make<never, ConnectionLost>()
    const questions = yield* FiberMap.make<string>()
    const fork = yield* FiberMap.runtime(questions)()
    let lastId = 0
    let tick = 0
    let asking = 0
    let ended: ConnectionLost | undefined
    let isLost = false
    let isModern = false
    let hasAsked = false
    /** The tick at which the server last said anything. */
    let heardAt = 0
    let look: Vigil.Look | undefined

    const settle = (id: number, exit: Exit.Exit<Frame.Frame, RpcError>): boolean => {
      const call = pending.take(id)
      if (call === undefined) return false
      Deferred.doneUnsafe(call.done, exit)
      return true
    }

    const forget = (id: number): void => {
      pending.take(id)
      cancelled.add(id)
      const [oldest] = cancelled
      if (cancelled.size > REMEMBERED && oldest !== undefined) cancelled.delete(oldest)
    }

    const callOf = (request: number | undefined): Pending | undefined => {
      const call = request === undefined ? undefined : pending.get(request)
      if (call !== undefined) call.heardAt = tick
      return call
    }

    const onNotification = (frame: Frame.Frame, request: number | undefined): void => {
      if (frame.method === "notifications/cancelled") {
        const cancelled = Frame.valueAt(frame, "requestId")
        // Some servers end so what they were asked to tell of (2026-07-28, basic/patterns/cancellation).
        if (typeof cancelled === "number" && pending.get(cancelled)?.heard !== undefined) {
          settle(cancelled, Exit.fail(new MessageRefused({ reason: "the server cancelled it" })))
          return
        }
        const key = JSON.stringify(cancelled)
        // Interrupting is all there is to it: whoever answers the question sees to the rest.
        if (FiberMap.hasUnsafe(questions, key)) fork(key, Effect.void)
        return
      }
      const heard = isModern ? pending.get(subscriptionOf(frame) ?? request ?? -1)?.heard : undefined
      if (heard !== undefined) {
        heard(frame)
        return
      }
      const token = frame.method === "notifications/progress" ? Frame.valueAt(frame, "progressToken") : undefined
      const call = callOf(typeof token === "number" ? token : request)
      if (call?.handlers !== undefined) call.handlers.notify(frame)
      else if (token === undefined) unrelated.notification(frame)
    }

    const onQuestion = (frame: Frame.Frame, request: number | undefined): void => {
      const call = callOf(request)
      const reply = (answer: Answer) => Effect.ignore(transport.send(answerTo(frame, answer)))
      const key = JSON.stringify(frame.id)
      if (isModern) {
        if (!hasAsked) unrelated.fault(`sent a request, which modern servers may not: ${excerpt(frame.bytes)}`)
        hasAsked = true
        fork(key, reply(unanswerable("Servers make no requests since 2026-07-28")))
        return
      }
      if (frame.method === "ping") {
        fork(key, reply({ outcome: "result", body: Json.utf8("{}") }))
        return
      }
      const asked = call?.handlers === undefined ? unrelated.ask(frame) : call.handlers.ask(frame)
      asking++
      fork(
        key,
        Effect.ensuring(
          Effect.flatMap(asked, reply),
          Effect.sync(() => asking--)
        )
      )
    }

    const receiver: Receiver = {
      message: (bytes, request) => {
        const frame = Frame.read(bytes)
        if (!Frame.isFrame(frame)) {
          unrelated.fault(`sent what is no JSON-RPC message (${frame.malformed}): ${excerpt(bytes)}`)
          return
        }
        heardAt = tick
        if (frame.kind === "notification") onNotification(frame, request)
        else if (frame.kind === "request") onQuestion(frame, request)
        else if (typeof frame.id !== "number" || !settle(frame.id, Exit.succeed(frame))) {
          if (typeof frame.id === "number" && cancelled.delete(frame.id)) return
          unrelated.fault(`answered a request that is not open (id ${JSON.stringify(frame.id)}): ${excerpt(bytes)}`)
        }
      },
      junk: unrelated.fault,
      isOpen: (request) => pending.has(request),
      failed: (request, error) => {
        // Whoever made the request, all others are to have a new session too.
        if (error._tag === "SessionExpired") Deferred.doneUnsafe(expired, Exit.void)
        settle(request, Exit.fail(error))
      },
      polling: (request, retryMillis) => callOf(request)?.handlers?.polling(retryMillis),
      expired: () => void Deferred.doneUnsafe(expired, Exit.void),
      unreachable: (error) => {
        isLost = true
        Deferred.doneUnsafe(lost, Exit.fail(error))
      }
    }
    const transport = yield* openTransport(receiver)

    const end = (error: ConnectionLost): void => {
      ended ??= error
      isLost = true
      for (const [id] of pending) settle(id, Exit.fail(lostWith(ended, transport.unsent(id))))
      Deferred.doneUnsafe(lost, Exit.fail(ended))
    }
    const expire = Effect.asVoid(Deferred.succeed(expired, undefined))
    const lose = (why: ConnectionLost) => Effect.sync(() => end(why))
    yield* Attached.fork(Effect.catch(transport.lost, lose), lose)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() =>
        end(new ConnectionLost({ reason: "the connection was closed", unsent: false, ending: "closed" }))
      )
    )

    const cancel = (id: number, reason: string) =>
      Effect.suspend(() => {
        const needNotBeTold = transport.forgettingCancels || transport.unsent(id)
        forget(id)
        if (needNotBeTold) return transport.forget(id)
        const message = encodeMessage({ method: "notifications/cancelled", params: { requestId: id, reason } })
        // Nobody waits for a server that may hang to take note of it.
        const telling = Effect.ignore(Effect.timeoutOption(transport.send(message), TELLING_MILLIS))
        const tell = Effect.forkIn(telling, scope, { startImmediately: true })
        return Effect.asVoid(Effect.andThen(transport.forget(id), tell))
      })

    const giveUp = (id: number, limit: Silent["limit"]) =>
      Effect.suspend(() => {
        settle(id, Exit.fail(new Silent({ limit, unsent: transport.unsent(id) })))
        return cancel(id, "timeout")
      })

    const sweep = Effect.suspend(() => {
      tick++
      // Whoever waits for a person's answer is not silent, and takes no time over it.
      if (asking > 0) {
        for (const [, call] of pending) {
          call.heardAt = tick
          call.madeAt++
        }
      }
      let calls = 0
      let gaveUp = false
      const over: Array<readonly [number, Silent["limit"]]> = []
      for (const [id, { heardAt: heard, isPatient, madeAt }] of pending) {
        if (isPatient) continue
        const isSilent = (tick - heard) * TICK_MILLIS > longestSilence
        if (isSilent) gaveUp = true
        if (isSilent || (tick - madeAt) * TICK_MILLIS > longest)
          over.push([id, isSilent ? "callTimeout" : "maxCallTime"])
        else calls++
      }
      const givenUp = Effect.forEach(over, ([id, limit]) => giveUp(id, limit), { discard: true })
      if (look === undefined || ended !== undefined) return givenUp
      return givenUp.pipe(
        Effect.andThen(look({ now: tick, heardAt, calls, gaveUp })),
        Effect.map((hung) => (hung === undefined ? undefined : end(hung)))
      )
    })
    yield* Attached.fork(Effect.repeat(sweep, Schedule.spaced(TICK_MILLIS)), lose)

    const ask = (encode: (id: number) => Pieces.Pieces, asked: Asked) =>
      Effect.suspend(() => {
        if (ended !== undefined) return Effect.fail(lostWith(ended, true))
        const id = ++lastId
        const message = encode(id)
        const done = Deferred.makeUnsafe<Frame.Frame, RpcError>()
        pending.set(id, { ...asked, done, madeAt: tick, heardAt: tick })
        return Effect.andThen(transport.send(message, id, asked.headers), Deferred.await(done)).pipe(
          Effect.onExit((exit) => {
            if (Exit.isSuccess(exit) || !pending.has(id)) return Effect.void
            if (!Exit.hasInterrupts(exit)) return Effect.sync(() => void pending.take(id))
            if (asked.isPatient && asked.heard === undefined) {
              forget(id)
              return transport.forget(id)
            }
            return cancel(id, "the client cancelled")
          })
        )
      })

    const rpc: Rpc = {
      request: (encode, handlers, headers) => ask(encode, { handlers, headers, isPatient: false }),
      initialize: (encode, headers) => ask(encode, { headers, isPatient: true }),
      watchOver: (vigil) => {
        look = Vigil.make(vigil, scope, receiver.expired)
      },
      listen: (encode, heard, headers) => ask(encode, { heard, headers, isPatient: true }),
      notify: (message) => Effect.tapErrorTag(transport.send([message]), "SessionExpired", () => expire),
      calls: () => [...pending].flatMap(([, { handlers }]) => handlers ?? []),
      agreed: (revision) => {
        isModern = isModernRevision(revision)
        return transport.agreed(revision)
      },
      lose,
      lost: Deferred.await(lost),
      isLost: () => isLost,
      expired: Deferred.await(expired),
      expire
    }
    return rpc
  })

/** The beginning of a message, as a log line shows it. */
const excerpt = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes.subarray(0, 200)).toString()
  return bytes.length > 200 ? `${text}…` : text
}
