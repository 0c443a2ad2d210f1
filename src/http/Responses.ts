/** The HTTP answers that are no result of a call. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Challenge from "../auth/Challenge.ts"
import type { Refused } from "../auth/Gatekeeper.ts"
import { LimitReached, verdict } from "../domain/Errors.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import { CODE } from "../domain/Protocol.ts"
import * as Answers from "../gateway/Answers.ts"

const JSON_TYPE = "application/json"
/** What stands for an id that could not be read. */
export const NO_ID = Json.utf8("null")

/** A JSON-RPC message as the body. */
export const message = (
  body: Uint8Array,
  options: { readonly status?: number; readonly headers?: Record<string, string> } = {}
): HttpServerResponse.HttpServerResponse => HttpServerResponse.uint8Array(body, { contentType: JSON_TYPE, ...options })

/** A body in pieces: who writes an answer by itself need not go by its stream. */
class InPieces extends HttpBody.Stream {
  readonly pieces: Pieces.Pieces

  constructor(pieces: Pieces.Pieces) {
    super(Stream.fromIterable(pieces), JSON_TYPE, Pieces.lengthOf(pieces))
    this.pieces = pieces
  }
}

/** The body in pieces, where it was given so. */
export const piecesOf = (body: HttpBody.HttpBody): Pieces.Pieces | undefined =>
  body instanceof InPieces ? body.pieces : undefined

/** A JSON-RPC message that was not copied together as the body. */
export const inPieces = (body: Pieces.Pieces, status: number): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setBody(HttpServerResponse.empty({ status }), new InPieces(body))

/** An HTTP error with a JSON-RPC error as its body. */
export const refuse = (
  status: number,
  code: number,
  text: string,
  options: { readonly id?: Uint8Array; readonly headers?: Record<string, string> } = {}
): HttpServerResponse.HttpServerResponse =>
  message(Answers.failure(options.id ?? NO_ID, { code, message: text }), {
    status,
    ...(options.headers === undefined ? {} : { headers: options.headers })
  })

/** A request that is not served because a bound is reached; in so many seconds it may be. */
export const limited = (
  status: 429 | 503,
  limit: string,
  options: { readonly retryAfter: number; readonly id?: Uint8Array }
): HttpServerResponse.HttpServerResponse => {
  const { code, message: text } = verdict(new LimitReached({ limit }))
  const headers = { "retry-after": String(options.retryAfter) }
  return refuse(status, code, text, options.id === undefined ? { headers } : { headers, id: options.id })
}

/** A request of nobody who may make it. */
export const unadmitted = ({ challenge, header, status }: Refused): HttpServerResponse.HttpServerResponse =>
  refuse(status, CODE.invalidRequest, Challenge.message(challenge), {
    headers: { "www-authenticate": header, "cache-control": "no-store" }
  })

/** A refusal as the failure that ends a handler early. */
export const stop = (
  response: HttpServerResponse.HttpServerResponse
): Effect.Effect<never, HttpServerResponse.HttpServerResponse> => Effect.fail(response)

/** What was sent has been taken; there is nothing to say to it. */
export const accepted: HttpServerResponse.HttpServerResponse = HttpServerResponse.empty({ status: 202 })
