/**
 * Which era is a request of? Decided for each POST by itself, on the body, which the headers only confirm (2026-07-28,
 * basic/versioning and transports/streamable-http).
 *
 * The rungs stand in the order in which they are tried; the first that has something to say decides.
 */
import * as Predicate from "effect/Predicate"
import type * as ClientMessage from "./ClientMessage.ts"
import * as Envelope from "./Envelope.ts"
import * as HeaderText from "./HeaderText.ts"
import { CODE, HEADER, isModernRevision, META, MODERN_REVISIONS } from "./Protocol.ts"

/** Header values by name in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>

/** Refused: the HTTP status and the JSON-RPC error to answer with. */
export interface Refused {
  readonly _tag: "Refused"
  readonly status: number
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

export type Classified =
  | { readonly _tag: "Legacy" }
  /** A notification may come without an envelope: it says nothing of its sender. */
  | { readonly _tag: "Modern"; readonly envelope: Envelope.Envelope | undefined }
  | Refused

type Single = ClientMessage.Request | ClientMessage.Notification

const LEGACY: Classified = { _tag: "Legacy" }

const refuse = (code: number, message: string, data?: unknown): Refused => ({
  _tag: "Refused",
  status: 400,
  code,
  message,
  ...(data === undefined ? {} : { data })
})

const mismatch = (message: string): Refused =>
  refuse(CODE.headerMismatch, `The request's headers and body disagree: ${message}`)

const header = (headers: Headers, name: string): string | undefined => {
  const value = headers[name]
  return value === undefined ? undefined : HeaderText.trim(value)
}

/** Does this name a modern revision, be it one that we do not speak? Revisions are dates. */
const isModernName = (revision: string | undefined): boolean =>
  revision !== undefined && revision >= MODERN_REVISIONS[0] && /^\d{4}-\d\d-\d\d$/u.test(revision)

const metaOf = ({ params }: Single): Readonly<Record<string, unknown>> | undefined => {
  const meta = params?.get("_meta")
  return Predicate.isReadonlyObject(meta) ? meta : undefined
}

/** Does a message claim to be modern? Whether it rightly does is another question. */
const claims = (message: Single): boolean => {
  const meta = metaOf(message)
  return meta !== undefined && META.protocolVersion in meta
}

/** A batch is legacy, unless something in it is not. */
const batch = (messages: ReadonlyArray<ClientMessage.ClientMessage | ClientMessage.Refusal>): Classified =>
  messages.some((one) => (one._tag === "Request" || one._tag === "Notification") && claims(one))
    ? refuse(CODE.invalidRequest, "Messages of revision 2026-07-28 and later are sent one by one, not in batches")
    : LEGACY

/** The header names the method in the words of the body, if it is there. */
const otherMethod = (headers: Headers, { method }: Single): Refused | undefined => {
  const named = header(headers, HEADER.method)
  return named === undefined || named === method
    ? undefined
    : mismatch(`the method is ${method}, Mcp-Method says ${JSON.stringify(named)}`)
}

/** The header names the revision of the body, if it is there. */
const otherRevision = (headers: Headers, claimed: string): Refused | undefined => {
  const named = header(headers, HEADER.protocolVersion)
  return named === undefined || named === claimed
    ? undefined
    : mismatch(`the revision is ${JSON.stringify(claimed)}, MCP-Protocol-Version says ${JSON.stringify(named)}`)
}

const unserved = (revision: string): Refused | undefined =>
  isModernRevision(revision)
    ? undefined
    : refuse(CODE.unsupportedVersion, "Unsupported protocol version", {
        supported: MODERN_REVISIONS,
        requested: revision
      })

/** What Mcp-Name mirrors, by method (SEP-2663 for tasks). */
const NAMED: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId"
}

/** Headers that every request has to have, and the one that says whom it is for. */
const missing = (headers: Headers, { method, params }: ClientMessage.Request): Refused | undefined => {
  for (const [name, shown] of REQUIRED) {
    if (headers[name] === undefined) return mismatch(`the header ${shown} is missing`)
  }
  const member = Object.hasOwn(NAMED, method) ? NAMED[method] : undefined
  const value = member === undefined ? undefined : params?.get(member)
  if (member === undefined) return undefined
  const given = headers[HEADER.name]
  if (given === undefined) return typeof value === "string" ? mismatch("the header Mcp-Name is missing") : undefined
  const named = HeaderText.decode(given)
  if (named === undefined) return mismatch("Mcp-Name has invalid characters or Base64")
  return typeof value !== "string" || named === value
    ? undefined
    : mismatch(`params.${member} is ${JSON.stringify(value)}, Mcp-Name says ${JSON.stringify(named)}`)
}

const REQUIRED = [
  [HEADER.protocolVersion, "MCP-Protocol-Version"],
  [HEADER.method, "Mcp-Method"]
] as const

const request = (headers: Headers, body: ClientMessage.Request): Classified => {
  const isClaimed = claims(body)
  const namesModern = isModernName(header(headers, HEADER.protocolVersion))
  const envelope = isClaimed ? Envelope.read(metaOf(body)) : undefined
  const isValid = typeof envelope === "object" && isModernName(envelope.revision)
  if (body.method === "initialize" && !isValid) {
    return namesModern ? mismatch("initialize is of older revisions, MCP-Protocol-Version is not") : LEGACY
  }
  if (envelope === undefined) {
    if (!namesModern) return LEGACY
    const needed = [META.protocolVersion, META.clientCapabilities].filter((key) => !(key in (metaOf(body) ?? {})))
    return refuse(CODE.invalidParams, `Requests of this revision need ${needed.join(" and ")} in params._meta`)
  }
  if (typeof envelope === "string") return refuse(CODE.invalidParams, envelope)
  return (
    otherRevision(headers, envelope.revision) ??
    otherMethod(headers, body) ??
    unserved(envelope.revision) ??
    missing(headers, body) ?? { _tag: "Modern", envelope }
  )
}

const notification = (headers: Headers, body: ClientMessage.Notification): Classified => {
  if (!claims(body)) {
    const named = header(headers, HEADER.protocolVersion)
    if (named === undefined || !isModernName(named)) return LEGACY
    return otherMethod(headers, body) ?? unserved(named) ?? { _tag: "Modern", envelope: undefined }
  }
  const claimed = metaOf(body)?.[META.protocolVersion]
  if (typeof claimed !== "string") {
    return refuse(CODE.invalidParams, `params._meta["${META.protocolVersion}"] must be a string`)
  }
  return (
    otherRevision(headers, claimed) ??
    (isModernName(claimed) ? otherMethod(headers, body) : undefined) ??
    unserved(claimed) ?? { _tag: "Modern", envelope: undefined }
  )
}

/** Decides on one POST: the headers, and the body that came with them. */
export const classify = (headers: Headers, body: Exclude<ClientMessage.Body, ClientMessage.Refusal>): Classified => {
  switch (body._tag) {
    case "Request":
      return request(headers, body)
    case "Notification":
      return notification(headers, body)
    case "Batch":
      return batch(body.messages)
    case "Response":
      return LEGACY
  }
}
