/** Reading the body of a request: of bounded size, and counted while it comes in. */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { Holding } from "../domain/ByteBudget.ts"
import * as Json from "../domain/Json.ts"
import { CODE } from "../domain/Protocol.ts"
import * as Bounds from "../upstream/Bounds.ts"
import { limited, refuse, stop } from "./Responses.ts"

/** Bodies announced as so small are read in one go, and are counted as they are announced. */
const SMALL = 64 * 1024

/** When a client that was refused for want of room may try again, in seconds. */
const RETRY_AFTER = 1

const unreadable = refuse(400, CODE.parseError, "The body did not arrive whole")

/** Gives what reads a body whole, or fails with how to answer a request whose body is not to be had. */
export const make = Effect.gen(function* () {
  const maxMessage = yield* Bounds.MaxMessage
  const buffers = yield* Bounds.Buffers
  const tooLarge = refuse(413, CODE.invalidRequest, Bounds.tooLarge("The body", maxMessage))
  const full = limited(503, `The body is not taken: ${Bounds.noRoom(buffers)}`, { retryAfter: RETRY_AFTER })

  /** As it comes, piece by piece: nothing is held for what a client has only announced. */
  const inPieces = (request: HttpServerRequest.HttpServerRequest) =>
    Effect.suspend(() => {
      const held = new Holding(buffers)
      const pieces: Array<Uint8Array> = []
      return request.stream.pipe(
        Stream.mapError(() => unreadable),
        Stream.runForEach((piece) => {
          if (held.bytes + piece.length > maxMessage) return stop(tooLarge)
          if (!held.add(piece.length)) return stop(full)
          pieces.push(piece)
          return Effect.void
        }),
        Effect.map(() => Json.join(pieces)),
        Effect.ensuring(Effect.sync(() => held.release()))
      )
    })

  return (
    request: HttpServerRequest.HttpServerRequest
  ): Effect.Effect<Uint8Array, HttpServerResponse.HttpServerResponse> => {
    const announced = Number(request.headers["content-length"] ?? Number.NaN)
    if (announced > maxMessage) return stop(tooLarge)
    if (!(announced <= SMALL)) return inPieces(request)
    if (!buffers.take(announced)) return stop(full)
    return request.arrayBuffer.pipe(
      Effect.map((buffer) => new Uint8Array(buffer)),
      Effect.catch(() => stop(unreadable)),
      Effect.ensuring(Effect.sync(() => buffers.give(announced)))
    )
  }
})
