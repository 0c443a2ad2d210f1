/** What the audit trail keeps of one request. */
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { type AuditEvent, type Client, type Outcome, whoOf } from "../domain/AuditRecord.ts"
import type { Request } from "../domain/ClientMessage.ts"
import * as Errors from "../domain/Errors.ts"
import * as Frame from "../domain/Frame.ts"
import { rememberingOf } from "../domain/Remembering.ts"
import { CODE } from "../domain/Protocol.ts"
import type { FailureClass } from "../domain/UpstreamFailure.ts"
import type { Exchange } from "./Exchange.ts"
import type { Requester } from "./Requester.ts"

/** What is asked every few seconds, or by the protocol itself, and concerns nobody. */
const UNRECORDED = new Set(["ping", "logging/setLevel"])

export const isRecorded = ({ method }: Request): boolean => !UNRECORDED.has(method)

/** Does a tool say that it failed? */
const saysError = (answer: Frame.Frame): boolean => Frame.valueAt(answer, "isError") === true

/** How a request went. */
export interface Result {
  readonly outcome: Outcome
  readonly code?: number | undefined
  readonly detail?: string
  readonly server?: string
}

/** By the server's answer, or by the failure of ours. */
export const result = (exit: Exit.Exit<unknown, Errors.ProxyError>, answer: Frame.Frame | undefined): Result => {
  if (Exit.isSuccess(exit)) {
    if (answer?.error !== undefined) return { outcome: "error", code: Frame.errorCode(answer) }
    return { outcome: answer !== undefined && saysError(answer) ? "tool-error" : "ok" }
  }
  const failure = Option.getOrUndefined(Exit.findErrorOption(exit))
  if (failure !== undefined) {
    // A server that is down is known by name, though nothing was sent to it.
    const server = "server" in failure ? { server: failure.server } : {}
    return { outcome: Errors.outcome(failure), code: Errors.verdict(failure).code, detail: failure.message, ...server }
  }
  return Exit.hasInterrupts(exit)
    ? { outcome: "cancelled", code: Errors.verdict(new Errors.Cancelled()).code }
    : { outcome: "internal", code: CODE.internalError }
}

/** What was wrong with the server, of a request that failed for it. */
export const failureOf = (exit: Exit.Exit<unknown, Errors.ProxyError>): FailureClass | undefined =>
  Option.getOrUndefined(Option.flatMapNullishOr(Exit.findErrorOption(exit), Errors.failureOf))

const TARGETS = ["name", "uri"]

/** A tool, a prompt, or the URI of a resource, as the client calls it. */
const targetOf = ({ params }: Request): string | undefined => {
  for (const key of TARGETS) {
    const direct = params?.get(key)
    if (typeof direct === "string") return direct
  }
  const ref = params?.get("ref")
  return Predicate.isReadonlyObject(ref) ? TARGETS.map((key) => ref[key]).find(Predicate.isString) : undefined
}

/** Arguments larger than this are not looked at: masking takes its time, and the calls would wait for it. */
const MAX_LOOKED_AT = 65_536

const argumentsOf = ({ params }: Request): unknown => {
  const size = params?.bytes("arguments")?.length ?? 0
  return size > MAX_LOOKED_AT ? `… ${size} bytes` : params?.get("arguments")
}

/** The bytes of its parameters. */
export const sizeOf = ({ params }: Request): number => params?.size ?? 0

/** Of one requester always the same object. */
const clientOf = rememberingOf(({ caller, client }: Requester): Client => ({
  ...client,
  id: caller.principal.clientId
}))

export interface Call {
  readonly exchange: Pick<Exchange, "answer" | "request" | "requester" | "server">
  /** Epoch milliseconds. */
  readonly started: number
  readonly ended: number
  readonly exit: Exit.Exit<unknown, Errors.ProxyError>
  /** What the client was sent in the end, in bytes. */
  readonly bytesOut: number | undefined
  /** Arguments as they may be kept. */
  readonly argumentsOf: (value: () => unknown) => unknown
}

export const make = (call: Call, how = result(call.exit, call.exchange.answer)): AuditEvent => {
  const { bytesOut, ended, exchange, exit, started } = call
  const { request, requester, server } = exchange
  const kept = call.argumentsOf(() => argumentsOf(request))
  return {
    kind: how.outcome === "denied" ? "refusal" : "call",
    time: started,
    principal: whoOf(requester.caller.principal),
    client: clientOf(requester),
    session: requester.caller.session,
    server: how.server ?? server,
    method: request.method,
    target: targetOf(request),
    millis: ended - started,
    bytesIn: sizeOf(request),
    bytesOut: Exit.isSuccess(exit) ? bytesOut : undefined,
    request: request.requestId,
    outcome: how.outcome,
    code: how.code,
    detail: how.detail,
    arguments: kept
  }
}
