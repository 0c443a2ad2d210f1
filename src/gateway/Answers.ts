/** Responses under the client's own id. */
import type { ByteBudget } from "../domain/ByteBudget.ts"
import { type ProxyError, verdict } from "../domain/Errors.ts"
import type * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import { META } from "../domain/Protocol.ts"
import { SELF } from "../observability/Version.ts"
import * as Rewrite from "../domain/Rewrite.ts"
import * as Bounds from "../upstream/Bounds.ts"

const HEAD = Json.utf8('{"jsonrpc":"2.0","id":')
const TAIL = Json.utf8("}")

/** The `_meta` of results of our own for modern clients, as JSON: who says so (2026-07-28, basic/index, §_meta). */
export const IDENTITY = JSON.stringify({ [META.serverInfo]: SELF })

/** A result of our own, given as JSON. */
export const result = (id: Uint8Array, body: ReadonlyArray<Uint8Array>): Uint8Array =>
  Json.join([HEAD, id, RESULT, ...body, TAIL])

const RESULT = Json.utf8(',"result":')

/** The result that says nothing but that it was done. */
export const done = (id: Uint8Array): Uint8Array => result(id, [Json.utf8("{}")])

/** An error of our own. */
export const failure = (id: Uint8Array, error: object): Uint8Array =>
  Json.join([HEAD, id, Json.utf8(`,"error":${JSON.stringify(error)}}`)])

/** In place of an answer of so many bytes for which there is no room. */
export const dropped = (id: Uint8Array, buffers: ByteBudget, bytes: number): Uint8Array =>
  failure(id, {
    code: 1502,
    message: `The request was carried out, but its answer of ${bytes} bytes was dropped: ${Bounds.noRoom(buffers)}`
  })

/** What a failure of the gateway's is to its client. */
export const proxyError = (id: Uint8Array, error: ProxyError): Uint8Array => failure(id, verdict(error))

/** A server's answer: its bytes, the id the client's, and the URIs in it made public. */
export const forwarded = (
  frame: Frame.Frame,
  id: Uint8Array,
  rename: ((uri: string) => string) | undefined
): Uint8Array => {
  const ids = frame.ids.map((span) => ({ span, by: id }))
  const uris = rename === undefined ? [] : Rewrite.resultEdits(frame, rename)
  const edits = uris.length === 0 ? ids : [...ids, ...uris].sort((a, b) => a.span.start - b.span.start)
  return Json.join(Json.splice(frame.bytes, edits))
}
