/**
 * One JSON-RPC message from a client: validated whole, and sent on only as what we decided on.
 *
 * A request's envelope and the parameters by which it is judged and routed are emitted from their parsed values; its
 * other parameters travel as the client's bytes. Duplicates of judged keys, and keys equal to them but for case, are
 * refused: two parsers may read two different requests out of them.
 */
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

const readParams = (bytes: Uint8Array, all: ReadonlyArray<Json.Member>): Params | string => {
  const ambiguity = JUDGED.ambiguity(all)
  if (ambiguity !== undefined) return `Ambiguous params: ${ambiguity}`
  for (const { key, value } of all) {
    if (JUDGED.has(key) && !CARRIED.has(key) && Json.depth(bytes, value) > MAX_DEPTH)
      return `params.${key} is nested more than ${MAX_DEPTH} deep`
  }
  return new Params(bytes, all)
}

const readObject = (bytes: Uint8Array, { inner, members: all }: Json.ObjectAt): ClientMessage | Refusal => {
  let ids = 0
  let idSpan: Json.Span | undefined
  let version: Json.Span | undefined
  let methodSpan: Json.Span | undefined
  let paramsSpan: Json.Span | undefined
  let result: Json.Span | undefined
  let error: Json.Span | undefined
  for (const { key, value } of all) {
    if (key === "jsonrpc") version = value
    else if (key === "method") methodSpan = value
    else if (key === "params") paramsSpan = value
    else if (key === "result") result = value
    else if (key === "error") error = value
    else if (key === "id") {
      ids++
      idSpan = value
    }
  }
  const requestId = idSpan === undefined ? undefined : Json.parse(bytes, idSpan)
  const isId = typeof requestId === "string" || typeof requestId === "number"
  const id = idSpan !== undefined && isId && ids === 1 ? bytes.subarray(idSpan.start, idSpan.end) : NULL
  const ambiguity = Frame.ENVELOPE.ambiguity(all)
  if (ambiguity !== undefined) return refusal(-32600, `Ambiguous message: ${ambiguity}`, id)
  if (version === undefined || Json.parse(bytes, version) !== "2.0")
    return refusal(-32600, `The member "jsonrpc" must be "2.0"`, id)
  if (idSpan !== undefined && !isId) return refusal(-32600, `The member "id" must be a string or a number`)
  if (methodSpan !== undefined) {
    const method = Json.parse(bytes, methodSpan)
    if (typeof method !== "string" || method === "") {
      return refusal(-32600, `The member "method" must be a string`, id)
    }
    if (result !== undefined || error !== undefined) {
      return refusal(-32600, "A message has either a method or a result or error", id)
    }
    let params: Params | undefined
    if (paramsSpan !== undefined) {
      if (inner?.start !== paramsSpan.start) return refusal(-32600, `The member "params" must be an object`, id)
      const read = readParams(bytes, inner.members)
      if (typeof read === "string") return refusal(-32600, read, id)
      params = read
    }
    return isId ? { _tag: "Request", id, requestId, method, params } : { _tag: "Notification", method, params }
  }
  const body = result ?? error
  if (body === undefined || (result !== undefined && error !== undefined) || !isId) {
    return refusal(-32600, "A message has a method, or an id and either a result or an error", id)
  }
  return {
    _tag: "Response",
    requestId,
    outcome: result === undefined ? "error" : "result",
    body: bytes.subarray(body.start, body.end)
  }
}

/** One message of a text that is known to be JSON. */
const readOne = (bytes: Uint8Array, { start }: Json.Span): ClientMessage | Refusal => {
  const object = Json.objectAt(bytes, start, INNER)
  return object === undefined ? refusal(-32600, "A message must be a JSON object") : readObject(bytes, object)
}

/** Reads the body of a POST. One message is validated as it is located, and nothing of it is parsed that nobody asks for. */
export const read = (bytes: Uint8Array): Body => {
  if (!isUtf8(bytes)) return refusal(-32700, "The body is not valid UTF-8")
  const whole = { start: Json.skipSpace(bytes, 0), end: bytes.length }
  const one = Json.objectAt(bytes, whole.start, INNER, STRICT)
  if (one !== undefined && Json.skipSpace(bytes, one.end) === bytes.length) return readObject(bytes, one)
  let value: unknown
  try {
    value = Json.parse(bytes, whole)
  } catch (cause) {
    return refusal(-32700, `The body is not valid JSON: ${(cause as SyntaxError).message}`)
  }
  if (!Array.isArray(value)) return readOne(bytes, whole)
  if (value.length === 0 || value.length > MAX_BATCH) {
    return refusal(-32600, `A batch holds 1 to ${MAX_BATCH} messages; this one holds ${value.length}`)
  }
  const spans = Json.elements(bytes, whole.start) ?? []
  return { _tag: "Batch", messages: spans.map((span) => readOne(bytes, span)) }
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
  for (const member of params.members) {
    const { key } = member
    if (Object.hasOwn(overrides, key)) {
      if (overrides[key] !== undefined) put(key, json(overrides[key]))
    } else if (JUDGED.has(key) && !CARRIED.has(key)) put(key, json(params.get(key)))
    else put(key, Json.singleLine(params.bytesOf(member)))
  }
  for (const key of Object.keys(overrides)) {
    const value = overrides[key]
    if (value !== undefined && Json.lookup(params.members, key) === undefined) put(key, json(value))
  }
  parts.push(`${text}}}`)
  return parts
}

const NO_PARAMS = new Params(NULL, [])

/**
 * The request or notification as a server is to see it, on one line, and where it is large in pieces: our id, the method,
 * and the parameters with `overrides` in place (`undefined` drops one, bytes are taken for JSON).
 */
export const encode = (
  message: Request | Notification,
  id: Frame.RequestId | undefined,
  overrides: Readonly<Record<string, unknown>>
): Pieces.Pieces => {
  const head = `{"jsonrpc":"2.0"${id === undefined ? "" : `,"id":${typeof id === "number" ? id : Json.quote(id)}`},"method":${Json.quote(message.method)}`
  const bare = message.params === undefined && Object.values(overrides).every((value) => value === undefined)
  return bare
    ? [Json.utf8(`${head}}`)]
    : Pieces.gather(encodeParams(message.params ?? NO_PARAMS, overrides, `${head},"params":{`))
}
