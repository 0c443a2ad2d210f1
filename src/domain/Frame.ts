/**
 * One JSON-RPC message as an upstream sent it: the envelope located, the payload untouched.
 *
 * A frame is never re-serialised. Who forwards one replaces spans of it (`withId`, `Json.splice`) and sends the pieces.
 */
import * as Json from "./Json.ts"

/** A JSON-RPC request id. MCP forbids null; fractions are tolerated, for they only travel. */
export type RequestId = string | number

/** One message, its top-level members located. A text is a frame only if exactly one of the four kinds fits it. */
export interface Frame {
  readonly bytes: Uint8Array
  readonly kind: "request" | "notification" | "response"
  /** Every top-level `id`: one in sane messages, and then the parsed value. */
  readonly ids: ReadonlyArray<Json.Span>
  readonly id: RequestId | null | undefined
  /** Empty in responses. */
  readonly method: string
  readonly params: Json.Span | undefined
  readonly result: Json.Span | undefined
  readonly error: Json.Span | undefined
  /** The members of `params`, `result` or `error`, whichever it has, where that is an object. */
  readonly members: ReadonlyArray<Json.Member> | undefined
}

const INNER = new Set(["params", "result", "error"])

const NULL = Json.utf8("null")

/**
 * What a parser that ignores case, as some do, takes a key for. Both mappings: `ſ` becomes s, the Kelvin sign k; and of
 * the dotted capital I only the i is left, as in parsers that map character by character.
 */
const foldCase = (key: string): string => key.toUpperCase().toLowerCase().replaceAll("\u0307", "")

/** Keys on which a decision hangs, so that no two parsers may disagree about them. */
export class DecisiveKeys {
  private readonly names: ReadonlySet<string>
  private readonly folded: ReadonlySet<string>

  constructor(names: ReadonlyArray<string>) {
    this.names = new Set(names)
    this.folded = new Set(names.map(foldCase))
  }

  has(key: string): boolean {
    return this.names.has(key)
  }

  /** Does a parser that ignores case take this key for one of ours, though it is none? */
  resembles(key: string): boolean {
    return !this.names.has(key) && this.folded.has(foldCase(key))
  }

  /** What makes an object's keys ambiguous, if anything does. */
  ambiguity(all: ReadonlyArray<Json.Member>): string | undefined {
    for (let index = 0; index < all.length; index++) {
      const { key } = all[index]!
      if (!this.names.has(key)) {
        if (!this.resembles(key)) continue
        return `the member ${JSON.stringify(key)} differs from a known one only in case`
      }
      // Of those that are ours there are few, so it is no more than a few looks at each member.
      for (let other = 0; other < index; other++)
        if (all[other]?.key === key) return `the member ${JSON.stringify(key)} stands twice`
    }
    return undefined
  }
}

/** The members of a JSON-RPC message. */
export const ENVELOPE = new DecisiveKeys(["jsonrpc", "id", "method", "params", "result", "error"])

const parseId = (bytes: Uint8Array, span: Json.Span): RequestId | null | undefined => {
  const value = Json.tryParse(bytes, span)
  return typeof value === "string" || typeof value === "number" || value === null ? value : undefined
}

const parseMethod = (bytes: Uint8Array, span: Json.Span): string | undefined => {
  const value = Json.tryParse(bytes, span)
  return typeof value === "string" && value !== "" ? value : undefined
}

const membersOf = (
  bytes: Uint8Array,
  { inner }: Json.ObjectAt,
  span: Json.Span | undefined
): ReadonlyArray<Json.Member> | undefined => {
  if (span === undefined) return undefined
  return inner?.start === span.start ? inner.members : Json.members(bytes, span.start)
}

/**
 * Reads one message, or says why it is none. Structure is checked as far as the top level and its brackets; `method`
 * beside `result` or `error`, two methods, and keys that a careless parser would take for the envelope's are refused.
 */
export const read = (bytes: Uint8Array): Frame | { readonly malformed: string } => {
  const at = Json.skipSpace(bytes, 0)
  const object = Json.objectAt(bytes, at, INNER)
  if (object === undefined) return { malformed: "not a JSON object" }
  if (Json.skipSpace(bytes, object.end) < bytes.length) return { malformed: "text follows the JSON object" }
  const ids: Array<Json.Span> = []
  let methodSpan: Json.Span | undefined
  let params: Json.Span | undefined
  let result: Json.Span | undefined
  let error: Json.Span | undefined
  for (const { key, value } of object.members) {
    switch (key) {
      case "jsonrpc":
        break
      case "id":
        ids.push(value)
        break
      case "method":
        if (methodSpan !== undefined) return { malformed: "two members are named method" }
        methodSpan = value
        break
      case "params":
        params = value
        break
      case "result":
        result = value
        break
      case "error":
        error = value
        break
      default:
        if (ENVELOPE.resembles(key))
          return { malformed: `the member ${JSON.stringify(key)} differs from a known one only in case` }
    }
  }
  const lastId = ids.at(-1)
  const id = lastId === undefined ? undefined : parseId(bytes, lastId)
  if (lastId !== undefined && id === undefined) return { malformed: "the id is neither a string nor a number" }
  if (methodSpan !== undefined) {
    const method = parseMethod(bytes, methodSpan)
    if (method === undefined) return { malformed: "the method is not a string" }
    if (result !== undefined || error !== undefined) return { malformed: "method stands beside result or error" }
    if (id === null) return { malformed: "a request's id is null" }
    const kind = id === undefined ? "notification" : "request"
    return { bytes, kind, ids, id, method, params, result, error, members: membersOf(bytes, object, params) }
  }
  if ((result === undefined) === (error === undefined)) return { malformed: "neither method, result nor error" }
  if (id === undefined) return { malformed: "a response without an id" }
  const members = membersOf(bytes, object, result ?? error)
  return { bytes, kind: "response", ids, id, method: "", params, result, error, members }
}

/** Did reading give a frame? */
export const isFrame = (read: Frame | { readonly malformed: string }): read is Frame => !("malformed" in read)

/** The pieces of the message under another id, given as JSON; every byte outside the id's value is the sender's. */
export const withId = (frame: Frame, id: Uint8Array): ReadonlyArray<Uint8Array> =>
  Json.splice(
    frame.bytes,
    frame.ids.map((span) => ({ span, by: id }))
  )

/** The id as its sender spelled it (numbers beyond 2^53 keep their digits). */
export const rawId = (frame: Frame): Uint8Array => {
  const span = frame.ids.at(-1)
  return span === undefined ? NULL : frame.bytes.subarray(span.start, span.end)
}

/** Where a value stands below `params`, `result` or `error`, whichever the message has. */
export const at = ({ bytes, members }: Frame, key: string, ...path: ReadonlyArray<string>): Json.Span | undefined => {
  const found = members === undefined ? undefined : Json.lookup(members, key)?.value
  return found === undefined || path.length === 0 ? found : Json.at(bytes, found, ...path)
}

/** The parsed value there; undefined where there is none, or it is not JSON. */
export const valueAt = (frame: Frame, key: string, ...path: ReadonlyArray<string>): unknown =>
  Json.tryParse(frame.bytes, at(frame, key, ...path))

/** The code of an answer's error; undefined where it is none, or has no number for one. */
export const errorCode = (frame: Frame): number | undefined => {
  const code = frame.error === undefined ? undefined : valueAt(frame, "code")
  return typeof code === "number" ? code : undefined
}
