/** What the three transports have in common: they carry messages, and say when they cannot. */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Pieces } from "../domain/Pieces.ts"
import { ENDINGS, type Evidence } from "../domain/UpstreamFailure.ts"

/** By what, beside the words, the class of a failure is decided (`domain/UpstreamFailure`). */
const evidence = {
  /** The HTTP status that says so. */
  status: Schema.optionalKey(Schema.Finite),
  /** How long the server wants to be left alone; within bounds. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}

/** The connection is gone, or never came about; a new one may be tried. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>()("ConnectionLost", {
  reason: Schema.String,
  /** Was the message that failed certainly not handed to the server? */
  unsent: Schema.Boolean,
  /** Absent: `ended`. */
  ending: Schema.optionalKey(Schema.Literals(ENDINGS)),
  ...evidence
}) {
  override get message(): string {
    return this.reason
  }
}

/** The server turned this message down; it acted on nothing. The connection stands. */
export class MessageRefused extends Schema.TaggedError<MessageRefused>()("MessageRefused", {
  reason: Schema.String,
  ...evidence
}) {
  override get message(): string {
    return this.reason
  }
}

/** The answer was not taken: it is too large, or there is no room for it. The server did act on the message. */
export class AnswerRefused extends Schema.TaggedError<AnswerRefused>()("AnswerRefused", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/** What was agreed on with the server holds no longer: a session that it does not know, an era that is not its own. */
export class SessionExpired extends Schema.TaggedError<SessionExpired>()("SessionExpired", {
  reason: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return this.reason ?? "the server ended the session"
  }
}

export type TransportError = ConnectionLost | MessageRefused | AnswerRefused | SessionExpired

/** What is known of a failure beside its words. */
export const evidenceOf = ({
  ending,
  retryAfterMillis,
  status
}: { readonly [K in keyof Evidence]: Evidence[K] | undefined }): Evidence => ({
  ...(ending === undefined ? {} : { ending }),
  ...(status === undefined ? {} : { status }),
  ...(retryAfterMillis === undefined ? {} : { retryAfterMillis })
})

/** The same loss, as a message learns of it that certainly was not handed over, or that may have been. */
export const lostWith = (error: ConnectionLost, unsent: boolean): ConnectionLost =>
  error.unsent === unsent ? error : new ConnectionLost({ ...evidenceOf(error), reason: error.reason, unsent })

/** What a connection comes to that fails at its beginning. */
export const asLost = (error: TransportError): ConnectionLost => {
  if (error._tag === "ConnectionLost") return error
  const evidence = error._tag === "MessageRefused" ? evidenceOf(error) : {}
  return new ConnectionLost({ ...evidence, reason: error.message, unsent: false, ending: "unintelligible" })
}

/** Where a transport hands what it receives. All members are called in the order of arrival, and return at once. */
export interface Receiver {
  /** One message. `request` is the id of the request on whose answering stream it came, where there is such a thing. */
  readonly message: (bytes: Uint8Array, request: number | undefined) => void
  /** Something that is no message: a line to log. */
  readonly junk: (description: string) => void
  /** Is this request still waiting for its answer? */
  readonly isOpen: (request: number) => boolean
  /** No answer to this request can come any more. */
  readonly failed: (request: number, error: TransportError) => void
  /** The server closed the answering stream on purpose: it is being polled, after so many milliseconds if it said. */
  readonly polling: (request: number, retryMillis: number | undefined) => void
  /** The session ended, as seen by something other than a request. */
  readonly expired: () => void
  /** Nothing more can be sent. What is in flight may still be answered. */
  readonly unreachable: (error: ConnectionLost) => void
}

/** What goes with a message beside its body, where the transport has a place for it. */
export type MessageHeaders = Readonly<Record<string, string>>

/** An open transport. It closes with the scope in which it was opened. */
export interface Transport {
  /** Does the server take `forget` for the wish to cancel? Elsewhere it has to be told. */
  readonly forgettingCancels: boolean
  /** Hands over one message, on one line. `request` is its id if it is a request that expects an answer. */
  readonly send: (message: Pieces, request?: number, headers?: MessageHeaders) => Effect.Effect<void, TransportError>
  /** Stops waiting for the answer to a request; one that is unsent is not sent any more. */
  readonly forget: (request: number) => Effect.Effect<void>
  /** Was this request certainly not handed to the server yet? Also of use once the connection is lost. */
  readonly unsent: (request: number) => boolean
  /** Told once the revision is agreed: from here on the session is live. */
  readonly agreed: (revision: string) => Effect.Effect<void>
  /** Fails when the connection is lost, and all that was in flight on it; never succeeds. */
  readonly lost: Effect.Effect<never, ConnectionLost>
}

/** Opens a transport to one server. */
export type Open<R> = (receiver: Receiver) => Effect.Effect<Transport, TransportError, R | Scope.Scope>
