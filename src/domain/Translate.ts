/** Answers of one era in the words of the other, as edits: every byte that is not named here stays the sender's. */
import * as Predicate from "effect/Predicate"
import * as Struct from "effect/Struct"
import * as Frame from "./Frame.ts"
import * as Json from "./Json.ts"
import * as Pieces from "./Pieces.ts"
import * as LegacyShapes from "./LegacyShapes.ts"
import * as Members from "./Members.ts"
import { CODE, META } from "./Protocol.ts"

const inOrder = (a: Json.Edit, b: Json.Edit): number => a.span.start - b.span.start

type Edits = ReadonlyArray<Json.Edit>

const membersOf = ({ bytes }: Frame.Frame, span: Json.Span | undefined): ReadonlyArray<Json.Member> | undefined =>
  span === undefined ? undefined : Json.members(bytes, span.start)

/** The HTTP status under which a modern client is given an error that is all the answer there is. */
export const httpStatus = (code: number): number => {
  switch (code) {
    case CODE.methodNotFound:
      return 404
    case CODE.parseError:
    case CODE.invalidRequest:
    case CODE.headerMismatch:
    case CODE.missingCapability:
    case CODE.unsupportedVersion:
      return 400
    default:
      return 200
  }
}

const recode = (frame: Frame.Frame, by: (code: number) => number): Edits => {
  const span = Frame.at(frame, "code")
  const code = Frame.errorCode(frame)
  if (span === undefined || code === undefined) return []
  const other = by(code)
  return other === code ? [] : [{ span, by: Json.encode(other) }]
}

/** A legacy server's answer for a modern client. */
export const toModern = (
  frame: Frame.Frame,
  method: string,
  serverInfo: { readonly name: string; readonly version: string }
): Edits => {
  const { members: all, result } = frame
  if (result === undefined) {
    return recode(frame, (code) => (code === CODE.resourceNotFound ? CODE.invalidParams : code))
  }
  if (all === undefined) return []
  const caching = method === "resources/read" ? `,"ttlMs":0,"cacheScope":"private"` : ""
  const out = caching === "" ? ["resultType"] : ["resultType", "ttlMs", "cacheScope"]
  const identity = `${JSON.stringify(META.serverInfo)}:${JSON.stringify(serverInfo)}`
  const meta = Json.lookup(all, "_meta")?.value
  const metaMembers = membersOf(frame, meta)
  const own = metaMembers === undefined ? `,"_meta":{${identity}}` : ""
  const inner =
    meta === undefined || metaMembers === undefined || Json.lookup(metaMembers, META.serverInfo) !== undefined
      ? []
      : Members.edit(meta, metaMembers, { first: identity })
  const drop = metaMembers === undefined && meta !== undefined ? [...out, "_meta"] : out
  return [...Members.edit(result, all, { first: `"resultType":"complete"${caching}${own}`, out: drop }), ...inner].sort(
    inOrder
  )
}

/** A modern server's answer for a legacy client; `wraps` says whether its tool's schema is shown wrapped. */
export const toLegacy = (frame: Frame.Frame, method: string, wraps: boolean): Edits => {
  const { members: all, result } = frame
  if (result === undefined) {
    return recode(frame, (code) => {
      if (code === CODE.invalidParams && method === "resources/read") return CODE.resourceNotFound
      if (code === CODE.missingCapability) return CODE.invalidParams
      return code === CODE.headerMismatch || code === CODE.unsupportedVersion ? CODE.internalError : code
    })
  }
  if (all === undefined) return []
  const content = method === "tools/call" ? LegacyShapes.content(frame, wraps) : []
  return [...Members.edit(result, all, { out: ["resultType", "ttlMs", "cacheScope"] }), ...content].sort(inOrder)
}

/** A modern server's result that does not say what it is: it is complete, and modern clients want to be told. */
export const toComplete = ({ members: all, result }: Frame.Frame): Edits => {
  if (result === undefined || all === undefined || Json.lookup(all, "resultType") !== undefined) return []
  return Members.edit(result, all, { first: '"resultType":"complete"' })
}

/** A result that may be shown to whoever asks, kept for who asked. */
export const toPrivate = (frame: Frame.Frame): Edits => {
  const scope = frame.result === undefined ? undefined : Frame.at(frame, "cacheScope")
  return scope === undefined ? [] : [{ span: scope, by: Json.utf8('"private"') }]
}

/** What a result says that it is; without a word it is complete. */
export const resultTypeOf = (frame: Frame.Frame): string => {
  const said = frame.result === undefined ? undefined : Frame.valueAt(frame, "resultType")
  return typeof said === "string" ? said : "complete"
}

/** A question in a result: its method, and its params as JSON. */
export interface InputRequest {
  readonly method: string
  readonly params: Uint8Array | undefined
}

export interface InputRequired {
  readonly requests: ReadonlyArray<readonly [key: string, request: InputRequest]>
  readonly requestState: string | undefined
}

/** What an input_required result asks for; a text says what is wrong with it. */
export const inputRequired = (frame: Frame.Frame): InputRequired | string => {
  const { bytes } = frame
  if (frame.result === undefined) return "it is no result"
  const state = Frame.valueAt(frame, "requestState")
  if (state !== undefined && typeof state !== "string") return "requestState is not a string"
  const span = Frame.at(frame, "inputRequests")
  const members = span === undefined ? [] : Json.members(bytes, span.start)
  if (members === undefined) return "inputRequests is not an object"
  if (members.length === 0 && state === undefined) return "an input_required result asks for nothing"
  const requests: Array<readonly [string, InputRequest]> = []
  for (const { key, value } of members) {
    const method = Json.tryParse(bytes, Json.at(bytes, value, "method"))
    if (typeof method !== "string" || method === "") return `inputRequests.${key} has no method`
    const params = Json.at(bytes, value, "params")
    requests.push([
      key,
      { method, params: params === undefined ? undefined : bytes.subarray(params.start, params.end) }
    ])
  }
  return { requests, requestState: state }
}

/** A legacy server's question as a value of `inputRequests`. */
export const questionToInputRequest = (frame: Frame.Frame): Uint8Array => {
  const head = `{"method":${JSON.stringify(frame.method)}`
  const { members: all } = frame
  if (frame.params === undefined || all === undefined) return Json.utf8(`${head}}`)
  const meta = Json.lookup(all, "_meta")?.value
  const metaMembers = membersOf(frame, meta)
  const edits = [
    ...Members.edit(frame.params, all, { out: ["elicitationId"] }),
    ...(meta === undefined || metaMembers === undefined
      ? []
      : Members.edit(meta, metaMembers, { out: ["progressToken"] }))
  ].sort(inOrder)
  const { end, start } = frame.params
  const moved = edits.map(({ by, span }) => ({ by, span: { start: span.start - start, end: span.end - start } }))
  return Pieces.join([
    Json.utf8(`${head},"params":`),
    ...Json.splice(frame.bytes.subarray(start, end), moved),
    Json.utf8("}")
  ])
}

/** The same back: a modern server's question as a request of its own. */
export const inputRequestToQuestion = ({ method, params }: InputRequest, elicitationId: string): Frame.Frame => {
  const pieces = [Json.utf8(`{"jsonrpc":"2.0","id":0,"method":${JSON.stringify(method)}`)]
  if (params !== undefined) {
    const all = Json.members(params, 0) ?? []
    const span = { start: 0, end: params.length }
    const isUrl = Json.tryParse(params, Json.lookup(all, "mode")?.value) === "url"
    const first =
      isUrl && Json.lookup(all, "elicitationId") === undefined ? `"elicitationId":${JSON.stringify(elicitationId)}` : ""
    pieces.push(Json.utf8(',"params":'), ...Json.splice(params, Members.edit(span, all, { first })))
  }
  pieces.push(Json.utf8("}"))
  const read = Frame.read(Pieces.join(pieces))
  if (!Frame.isFrame(read)) throw new Error(read.malformed)
  return read
}

/** A notification for a subscription: under its id, and what it is about as its client knows it. */
export const forSubscription = (
  frame: Frame.Frame,
  id: Uint8Array,
  about: { readonly key: "uri" | "taskId"; readonly name: string }
): Uint8Array => {
  const { members: all } = frame
  const tag = `${JSON.stringify(META.subscriptionId)}:${Buffer.from(id).toString()}`
  if (frame.params === undefined || all === undefined) {
    return Json.utf8(`{"jsonrpc":"2.0","method":${JSON.stringify(frame.method)},"params":{"_meta":{${tag}}}}`)
  }
  const meta = Json.lookup(all, "_meta")?.value
  const metaMembers = membersOf(frame, meta)
  const named = Json.lookup(all, about.key)?.value
  const edits = [
    ...(named === undefined ? [] : [{ span: named, by: Json.encode(about.name) }]),
    ...(meta === undefined || metaMembers === undefined
      ? Members.edit(frame.params, all, { first: `"_meta":{${tag}}`, out: ["_meta"] })
      : Members.edit(meta, metaMembers, { first: tag, out: [META.subscriptionId] }))
  ].sort(inOrder)
  return Pieces.join(Json.splice(frame.bytes, edits))
}

/** A notification as it was before a subscription's id was put into it. */
export const withoutSubscription = (frame: Frame.Frame): Edits => {
  const meta = Frame.at(frame, "_meta")
  const all = membersOf(frame, meta)
  return meta === undefined || all === undefined ? [] : Members.edit(meta, all, { out: [META.subscriptionId] })
}

/** The URLs that a legacy server wants visited first, each as a value of `inputRequests`; undefined for all other answers. */
export const urlsToVisit = (frame: Frame.Frame): ReadonlyArray<Uint8Array> | undefined => {
  if (Frame.errorCode(frame) !== CODE.urlElicitationRequired) return undefined
  const list = Frame.valueAt(frame, "data", "elicitations")
  if (!Array.isArray(list) || !list.every(Predicate.isReadonlyObject) || list.length === 0) return undefined
  return list.map((elicitation) =>
    Json.encode({ method: "elicitation/create", params: Struct.omit(elicitation, ["elicitationId"]) })
  )
}
