/** Answers on their way: what a client has not read yet is held in this process, and counts. */
import * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Pieces from "../domain/Pieces.ts"
import * as Answers from "../gateway/Answers.ts"
import * as Bounds from "../upstream/Bounds.ts"
import { type McpRequest, outgoingOf } from "./McpRequest.ts"
import { inPieces, message, NO_ID } from "./Responses.ts"

/** What is smaller is with the system as soon as it is written, or as good as. */
const SMALL = 16 * 1024

/** Gives what makes a JSON answer of a body; `id` is the request's, to say so where there is no room for the answer. */
export const make = Effect.gen(function* () {
  const buffers = yield* Bounds.Buffers

  return (
    request: McpRequest,
    body: Pieces.Pieces,
    { id = NO_ID, status }: { readonly id?: Uint8Array; readonly status: number }
  ): HttpServerResponse.HttpServerResponse => {
    const length = Pieces.lengthOf(body)
    const response = length > SMALL ? outgoingOf(request) : undefined
    if (response?.destroyed === false) {
      if (!buffers.take(length)) return message(Answers.dropped(id, buffers, length))
      // Once, whether it was read to its end or the client went away.
      response.once("close", () => buffers.give(length))
    }
    const [only] = body
    return only !== undefined && body.length === 1 ? message(only, { status }) : inPieces(body, status)
  }
})
