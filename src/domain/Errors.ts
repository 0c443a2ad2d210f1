/** The failures that leave the gateway, and their one mapping to what a client is told. */
import * as Schema from "effect/Schema"
import type { Outcome } from "./AuditRecord.ts"
import { CODE } from "./Protocol.ts"
import { FAILURE_CLASSES, type FailureClass } from "./UpstreamFailure.ts"
import * as Status from "./UpstreamStatus.ts"

const hint = (nearest: ReadonlyArray<string>): string =>
  nearest.length === 0 ? "" : `. Did you mean ${nearest.map((name) => JSON.stringify(name)).join(", ")}?`

/** True where there is such a thing, and the caller may not use it. For our own records: no answer says so. */
const denied = Schema.optionalKey(Schema.Boolean)

/** The caller's view has no tool or prompt of that name. */
export class UnknownName extends Schema.TaggedError<UnknownName>()("UnknownName", {
  kind: Schema.Literals(["tool", "prompt"]),
  name: Schema.String,
  nearest: Schema.Array(Schema.String),
  denied
}) {
  override get message(): string {
    return `Unknown ${this.kind}: ${JSON.stringify(this.name)}${hint(this.nearest)}`
  }
}

/** The URI names no server of the caller's view. */
export class UnknownResource extends Schema.TaggedError<UnknownResource>()("UnknownResource", {
  uri: Schema.String,
  denied
}) {
  override get message(): string {
    return `Resource not found: ${this.uri}`
  }
}

/** No server of the caller's view, nor we ourselves, have that method. */
export class UnknownMethod extends Schema.TaggedError<UnknownMethod>()("UnknownMethod", {
  method: Schema.String
}) {
  override get message(): string {
    return `Method not found: ${this.method}`
  }
}

/** A parameter is missing or not what the method takes. */
export class BadParams extends Schema.TaggedError<BadParams>()("BadParams", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/** The class of what is wrong with the server, where that is known. */
const failure = Schema.optionalKey(Schema.Literals(FAILURE_CLASSES))

/** How long there is no use in calling again, in milliseconds. */
const retryAfterMillis = Schema.optionalKey(Schema.Finite)

/** The server that the call is for is not running, or is not to be called at present; the call did not reach it. */
export class UpstreamDown extends Schema.TaggedError<UpstreamDown>()("UpstreamDown", {
  server: Schema.String,
  status: Schema.String,
  failure,
  retryAfterMillis
}) {
  override get message(): string {
    return `Server "${this.server}" is ${this.status}`
  }
}

/** What a call to a server in this state is answered with, at `now` (epoch milliseconds). */
export const downWith = (server: string, status: Status.UpstreamStatus, now: number): UpstreamDown => {
  const failed = Status.failureOf(status)
  const wait = Status.retryAfterMillis(status, now)
  return new UpstreamDown({
    server,
    status: Status.describe(status, now),
    ...(failed === undefined ? {} : { failure: failed }),
    ...(wait === undefined ? {} : { retryAfterMillis: wait })
  })
}

/** The server, or what stands before it, turned the call down before acting on it. */
export class UpstreamRefused extends Schema.TaggedError<UpstreamRefused>()("UpstreamRefused", {
  server: Schema.String,
  reason: Schema.String,
  failure,
  retryAfterMillis
}) {
  override get message(): string {
    return `Server "${this.server}" did not take the call: ${this.reason}`
  }
}

/** The server went away, or failed, while the call was under way: whether it acted on it is not known. */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>()("OutcomeUnknown", {
  server: Schema.String,
  reason: Schema.String,
  /** True where the connection stands, and the server failed over this call alone. */
  stands: Schema.optionalKey(Schema.Boolean),
  failure
}) {
  override get message(): string {
    const how = this.stands === true ? "failed" : this.failure === "timeout" ? "hung" : "went away"
    return `Outcome unknown: server "${this.server}" ${how} during the call (${this.reason})`
  }
}

/** The server did not answer in time. */
export class CallTimeout extends Schema.TaggedError<CallTimeout>()("CallTimeout", {
  server: Schema.String,
  seconds: Schema.Finite,
  /** The setting that the call ran into. */
  limit: Schema.Literals(["callTimeout", "maxCallTime"]),
  /** Was it certainly never handed to the server? Elsewhere it was told to cancel, and may have acted before. */
  unsent: Schema.Boolean
}) {
  override get message(): string {
    const { limit, seconds, server, unsent } = this
    const setting = `(mcpServers.${server}.${limit})`
    if (unsent) return `Server "${server}" did not read the call within ${seconds} s; it was not sent ${setting}`
    const what = limit === "callTimeout" ? "did not answer" : "was not done"
    return `Outcome unknown: server "${server}" ${what} within ${seconds} s; the call was cancelled ${setting}`
  }
}

/** What the server sent cannot be an answer. */
export class BadAnswer extends Schema.TaggedError<BadAnswer>()("BadAnswer", {
  server: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Server "${this.server}" answered what MCP does not allow: ${this.reason}`
  }
}

/** The server did the call, and answered; the answer was larger than what we take, or there was no room for it. */
export class AnswerDropped extends Schema.TaggedError<AnswerDropped>()("AnswerDropped", {
  server: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Server "${this.server}" did the call, but its answer was dropped: ${this.reason}`
  }
}

/** The server asked something that the client, or the person before it, did not answer. */
export class NotAnswered extends Schema.TaggedError<NotAnswered>()("NotAnswered", {
  server: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Server "${this.server}" asked something that was not answered: ${this.reason}`
  }
}

/** What the headers say of the arguments is not what the arguments are. */
export class HeaderMismatch extends Schema.TaggedError<HeaderMismatch>()("HeaderMismatch", {
  reason: Schema.String
}) {
  override get message(): string {
    return `The request's headers and body disagree: ${this.reason}`
  }
}

/** What was asked for needs something of the client that it did not declare (2026-07-28, basic/index). */
export class MissingCapability extends Schema.TaggedError<MissingCapability>()("MissingCapability", {
  needed: Schema.Record(Schema.String, Schema.Unknown)
}) {
  override get message(): string {
    return `The client did not declare what this needs: ${Object.keys(this.needed).join(", ")}`
  }
}

/** A bound of ours is reached; the call did not reach its server. The text names the setting. */
export class LimitReached extends Schema.TaggedError<LimitReached>()("LimitReached", {
  limit: Schema.String
}) {
  override get message(): string {
    return this.limit
  }
}

/** The client cancelled the call. */
export class Cancelled extends Schema.TaggedError<Cancelled>()("Cancelled", {}) {
  override get message(): string {
    return "The request was cancelled"
  }
}

/** Everything that leaves gateway/Proxy. */
export type ProxyError =
  | UnknownName
  | UnknownResource
  | UnknownMethod
  | BadParams
  | UpstreamDown
  | UpstreamRefused
  | OutcomeUnknown
  | CallTimeout
  | BadAnswer
  | AnswerDropped
  | NotAnswered
  | MissingCapability
  | HeaderMismatch
  | LimitReached
  | Cancelled

/** What is said of a failure. Codes of ours lie outside JSON-RPC's reserved range, and read like HTTP's. */
export interface Verdict {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** When to come back, for clients that know how to. */
const later = ({ retryAfterMillis }: UpstreamDown | UpstreamRefused): Pick<Verdict, "data"> =>
  retryAfterMillis === undefined ? {} : { data: { retryAfterMillis } }

/** The one mapping; a failure without a case does not compile. */
export const verdict = (error: ProxyError): Verdict => {
  switch (error._tag) {
    case "UnknownName":
      return { code: CODE.invalidParams, message: error.message }
    case "UnknownResource":
      return { code: CODE.resourceNotFound, message: error.message, data: { uri: error.uri } }
    case "UnknownMethod":
      return { code: CODE.methodNotFound, message: error.message }
    case "BadParams":
      return { code: CODE.invalidParams, message: error.message }
    case "LimitReached":
      return { code: 1429, message: error.message }
    case "Cancelled":
      return { code: 1499, message: error.message }
    case "OutcomeUnknown":
    case "BadAnswer":
    case "AnswerDropped":
      return { code: 1502, message: error.message }
    case "HeaderMismatch":
      return { code: CODE.headerMismatch, message: error.message }
    case "MissingCapability":
      return { code: CODE.missingCapability, message: error.message, data: { requiredCapabilities: error.needed } }
    case "NotAnswered":
      return { code: 1504, message: error.message }
    case "UpstreamRefused":
      return { code: 1502, message: error.message, ...later(error) }
    case "UpstreamDown":
      return { code: 1503, message: error.message, ...later(error) }
    case "CallTimeout":
      return { code: 1504, message: error.message }
  }
}

/** What the audit trail calls a failure. It may say what no client is told. */
export const outcome = (error: ProxyError): Outcome => {
  switch (error._tag) {
    case "UnknownName":
    case "UnknownResource":
      return error.denied === true ? "denied" : "not-found"
    case "UnknownMethod":
      return "not-found"
    case "BadParams":
    case "HeaderMismatch":
    case "MissingCapability":
      return "invalid"
    case "LimitReached":
    case "AnswerDropped":
      return "limited"
    case "Cancelled":
      return "cancelled"
    case "OutcomeUnknown":
      return "unknown"
    case "NotAnswered":
      return "cancelled"
    case "BadAnswer":
      return "bad-answer"
    case "UpstreamRefused":
      return "refused"
    case "UpstreamDown":
      return "unavailable"
    case "CallTimeout":
      return "timeout"
  }
}

/** What was wrong with the server, of a failure that speaks of one. */
export const failureOf = (error: ProxyError): FailureClass | undefined => {
  switch (error._tag) {
    case "UpstreamDown":
    case "UpstreamRefused":
    case "OutcomeUnknown":
      return error.failure
    case "CallTimeout":
      return "timeout"
    case "BadAnswer":
      return "protocol"
    default:
      return undefined
  }
}
