/**
 * One JSON-RPC message from a client: validated whole, and sent on only as what we decided on.
 *
 * A request's envelope and the parameters by which it is judged and routed are emitted from their parsed values; its
 * other parameters travel as the client's bytes. Duplicates of judged keys, and keys equal to them but for case, are
 * refused: two parsers may read two different requests out of them.
 */
import * as Predicate from "effect/Predicate"
import { isUtf8 } from "node:buffer"
import * as Json from "./Json.ts"
import { Params } from "./Params.ts"
import * as Pieces from "./Pieces.ts"
import { STRICT } from "./JsonGrammar.ts"
import * as Frame from "./Frame.ts"

/** Why a body is no message: JSON-RPC's parse error (-32700) or invalid request (-32600). */
export interface Refusal {
  readonly _tag: "Refusal"
  readonly code: -32700 | -32600
  readonly reason: string
  /** The id to answer under, `null` where none could be read. */
  readonly id: Uint8Array
}

export interface Request {
  readonly _tag: "Request"
  /** The id as the client spelled it, to answer under. */
  readonly id: Uint8Array
  readonly requestId: Frame.RequestId
  readonly method: string
  readonly params: Params | undefined
}

export interface Notification {
  readonly _tag: "Notification"
  readonly method: string
  readonly params: Params | undefined
}

/** The answer to a question that we relayed to the client: `body` holds the bytes of its result or error. */
export interface Response {
  readonly _tag: "Response"
  readonly requestId: Frame.RequestId
  readonly outcome: "result" | "error"
  readonly body: Uint8Array
}

export type ClientMessage = Request | Notification | Response

/** A body: one message, or the members of a batch (2025-03-26), each a message or the reason why not. */
export type Body =
  | ClientMessage
  | Refusal
  | { readonly _tag: "Batch"; readonly messages: ReadonlyArray<ClientMessage | Refusal> }

/** The parameters that decide who is asked for what; all but `arguments` are emitted from their parsed values. */
const JUDGED = new Frame.DecisiveKeys([
  "name",
  "uri",
  "cursor",
  "_meta",
  "ref",
  "level",
  "requestId",
  "progressToken",
  "arguments",
  "requestState",
  "inputResponses",
  "notifications",
  "taskId"
])

/** Judged by their place alone: their values travel as bytes. */
const CARRIED = new Set(["arguments", "inputResponses"])

const MAX_BATCH = 100

/** Deeper than any judged parameter is; what is emitted from its value must not exhaust the stack. */
const MAX_DEPTH = 64

/** The member whose own members are located along with the message's. */
const INNER = new Set(["params"])

const NULL = Json.utf8("null")

const refusal = (code: Refusal["code"], reason: string, id: Uint8Array = NULL): Refusal => ({
  _tag: "Refusal",
  code,
  reason,
  id
})

const readParams = (
  bytes: Uint8Array,
  all: ReadonlyArray<Json.Member>,
  values: Readonly<Record<string, unknown>> | undefined
): Params | string => {
  const ambiguity = JUDGED.ambiguity(all)
  if (ambiguity !== undefined) return `Ambiguous params: ${ambiguity}`
  const deep = all.find(
    ({ key, value }) => JUDGED.has(key) && !CARRIED.has(key) && Json.depth(bytes, value) > MAX_DEPTH
  )
  if (deep !== undefined) return `params.${deep.key} is nested more than ${MAX_DEPTH} deep`
  const members = all.map(({ key, value }) => ({ key, bytes: bytes.subarray(value.start, value.end) }))
  return new Params(members, values)
}

/** The members whose values are asked for, whatever the message is. */
const HEAD = new Set(["jsonrpc", "id", "method"])

/** `value` is the object as `JSON.parse` has it; of a large one only as far as `HEAD` goes, all else is undefined. */
const readObject = (
  bytes: Uint8Array,
  object: Json.ObjectAt,
  value: Readonly<Record<string, unknown>>
): ClientMessage | Refusal => {
  const { inner, members: all } = object
  const ids = all.filter(({ key }) => key === "id")
  const idSpan = ids[0]?.value
  const requestId = value["id"]
  const isId = typeof requestId === "string" || typeof requestId === "number"
  const id = idSpan !== undefined && isId && ids.length === 1 ? bytes.subarray(idSpan.start, idSpan.end) : NULL
  const ambiguity = Frame.ENVELOPE.ambiguity(all)
  if (ambiguity !== undefined) return refusal(-32600, `Ambiguous message: ${ambiguity}`, id)
  if (value["jsonrpc"] !== "2.0") return refusal(-32600, `The member "jsonrpc" must be "2.0"`, id)
  if (idSpan !== undefined && !isId) return refusal(-32600, `The member "id" must be a string or a number`)
  if ("method" in value) {
    if (typeof value["method"] !== "string" || value["method"] === "") {
      return refusal(-32600, `The member "method" must be a string`, id)
    }
    if ("result" in value || "error" in value) {
      return refusal(-32600, "A message has either a method or a result or error", id)
    }
    const paramsSpan = Json.lookup(all, "params")?.value
    let params: Params | undefined
    if (paramsSpan !== undefined) {
      if (inner?.start !== paramsSpan.start) return refusal(-32600, `The member "params" must be an object`, id)
      const read = readParams(bytes, inner.members, value["params"] as Readonly<Record<string, unknown>> | undefined)
      if (typeof read === "string") return refusal(-32600, read, id)
      params = read
    }
    const method = value["method"]
    return idSpan === undefined
      ? { _tag: "Notification", method, params }
      : { _tag: "Request", id, requestId: requestId as Frame.RequestId, method, params }
  }
  const outcome = "result" in value ? "result" : "error"
  const body = Json.lookup(all, outcome)?.value
  if (body === undefined || ("result" in value && "error" in value) || idSpan === undefined) {
    return refusal(-32600, "A message has a method, or an id and either a result or an error", id)
  }
  return {
    _tag: "Response",
    requestId: requestId as Frame.RequestId,
    outcome,
    body: bytes.subarray(body.start, body.end)
  }
}

const readOne = (bytes: Uint8Array, { start }: Json.Span, value: unknown): ClientMessage | Refusal => {
  const object = Predicate.isReadonlyObject(value) ? Json.objectAt(bytes, start, INNER) : undefined
  return !Predicate.isReadonlyObject(value) || object === undefined
    ? refusal(-32600, "A message must be a JSON object")
    : readObject(bytes, object, value)
}

/** From here on a message is not parsed as a whole. */
const LARGE = 2 * 1024

/** What is asked of every message, parsed; of all else, only that it is there. */
const headOf = (bytes: Uint8Array, { members }: Json.ObjectAt): Readonly<Record<string, unknown>> => {
  const values: Record<string, unknown> = {}
  for (const { key, value } of members) values[key] = HEAD.has(key) ? Json.parse(bytes, value) : undefined
  return values
}

/** The one large message; undefined where it is none, or more than one. */
const readLarge = (bytes: Uint8Array, { start }: Json.Span): ClientMessage | Refusal | undefined => {
  const object = Json.objectAt(bytes, start, INNER, STRICT)
  return object === undefined || Json.skipSpace(bytes, object.end) < bytes.length
    ? undefined
    : readObject(bytes, object, headOf(bytes, object))
}

/** Reads the body of a POST. Of one that is larger than `large` nothing is parsed that nobody asks for; else it is the same. */
export const read = (bytes: Uint8Array, large = LARGE): Body => {
  if (!isUtf8(bytes)) return refusal(-32700, "The body is not valid UTF-8")
  const whole = { start: Json.skipSpace(bytes, 0), end: bytes.length }
  const one = bytes.length > large ? readLarge(bytes, whole) : undefined
  if (one !== undefined) return one
  let value: unknown
  try {
    value = Json.parse(bytes, whole)
  } catch (cause) {
    return refusal(-32700, `The body is not valid JSON: ${(cause as SyntaxError).message}`)
  }
  if (!Array.isArray(value)) return readOne(bytes, whole, value)
  if (value.length === 0 || value.length > MAX_BATCH) {
    return refusal(-32600, `A batch holds 1 to ${MAX_BATCH} messages; this one holds ${value.length}`)
  }
  const spans = Json.elements(bytes, whole.start) ?? []
  return { _tag: "Batch", messages: spans.map((span, index) => readOne(bytes, span, value[index])) }
}

/** A value as JSON; bytes are JSON already. */
const json = (value: unknown): string | Uint8Array => {
  if (typeof value === "string") return Json.quote(value)
  return value instanceof Uint8Array ? Json.singleLine(value) : JSON.stringify(value)
}

/** The members of `params` as they travel on: judged ones from their values or the override, the rest as bytes. */
const encodeParams = (
  params: Params,
  overrides: Readonly<Record<string, unknown>>,
  head: string
): Array<string | Uint8Array> => {
  const parts: Array<string | Uint8Array> = []
  /** What is text and has not been put down yet. */
  let text = head
  let isFirst = true
  const put = (key: string, value: string | Uint8Array): void => {
    text += `${isFirst ? "" : ","}${Json.quote(key)}:`
    isFirst = false
    if (typeof value === "string") text += value
    else {
      parts.push(text, value)
      text = ""
    }
  }
  for (const { bytes, key } of params.members) {
    if (Object.hasOwn(overrides, key)) {
      if (overrides[key] !== undefined) put(key, json(overrides[key]))
    } else put(key, JUDGED.has(key) && !CARRIED.has(key) ? json(params.get(key)) : Json.singleLine(bytes))
  }
  for (const key of Object.keys(overrides)) {
    const value = overrides[key]
    if (value !== undefined && !params.members.some((member) => member.key === key)) put(key, json(value))
  }
  parts.push(`${text}}}`)
  return parts
}

const NO_PARAMS = new Params([])

/**
 * The request or notification as a server is to see it, on one line, and where it is large in pieces: our id, the method,
 * and the parameters with `overrides` in place (`undefined` drops one, bytes are taken for JSON).
 */
export const encode = (
  message: Request | Notification,
  id: Frame.RequestId | undefined,
  overrides: Readonly<Record<string, unknown>>
): Pieces.Pieces => {
  const head = `{"jsonrpc":"2.0"${id === undefined ? "" : `,"id":${typeof id === "number" ? id : JSON.stringify(id)}`},"method":${Json.quote(message.method)}`
  const bare = message.params === undefined && Object.values(overrides).every((value) => value === undefined)
  return bare
    ? [Json.utf8(`${head}}`)]
    : Pieces.gather(encodeParams(message.params ?? NO_PARAMS, overrides, `${head},"params":{`))
}
