/** Responses under the client's own id. */
import type { ByteBudget } from "../domain/ByteBudget.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import { META } from "../domain/Protocol.ts"
import { SELF } from "../observability/Version.ts"
import * as Bounds from "../upstream/Bounds.ts"

const HEAD = Json.utf8('{"jsonrpc":"2.0","id":')
const TAIL = Json.utf8("}")

/** The `_meta` of results of our own for modern clients, as JSON: who says so (2026-07-28, basic/index, §_meta). */
export const IDENTITY = JSON.stringify({ [META.serverInfo]: SELF })

/** A result of our own, given as JSON. */
export const result = (id: Uint8Array, body: Pieces.Parts): Pieces.Pieces =>
  Pieces.gather([HEAD, id, RESULT, ...body, TAIL])

const RESULT = Json.utf8(',"result":')

/** An error of our own. */
export const failure = (id: Uint8Array, error: object): Uint8Array =>
  Pieces.join([HEAD, id, Json.utf8(`,"error":${JSON.stringify(error)}}`)])

/** In place of an answer of so many bytes for which there is no room. */
export const dropped = (id: Uint8Array, buffers: ByteBudget, bytes: number): Uint8Array =>
  failure(id, {
    code: 1502,
    message: `The request was carried out, but its answer of ${bytes} bytes was dropped: ${Bounds.noRoom(buffers)}`
  })
