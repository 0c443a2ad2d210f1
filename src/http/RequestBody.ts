/** Reading the body of a request: of bounded size, and counted while it comes in. */
import * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type { IncomingMessage } from "node:http"
import { Holding } from "../domain/ByteBudget.ts"
import * as Pieces from "../domain/Pieces.ts"
import { CODE } from "../domain/Protocol.ts"
import * as Bounds from "../upstream/Bounds.ts"
import { incomingOf, type McpRequest } from "./McpRequest.ts"
import { limited, refuse, stop } from "./Responses.ts"

/** When a client that was refused for want of room may try again, in seconds. */
const RETRY_AFTER = 1

const unreadable = refuse(400, CODE.parseError, "The body did not arrive whole")

/** A body as it comes: what there is of it is held until it is whole, or given up. */
interface Arriving {
  /** Takes a piece; or says how to answer a request of which it is not taken. */
  readonly take: (piece: Uint8Array) => HttpServerResponse.HttpServerResponse | undefined
  readonly whole: () => Uint8Array
  readonly release: () => void
}

/** Told once by what a body is had, or how to answer a request whose body is not. */
type Hear = (body: Effect.Effect<Uint8Array, HttpServerResponse.HttpServerResponse>) => void

/** The body of a request of Node's, without a stream around its own: every request pays for it. */
const fromSocket = (incoming: IncomingMessage, { release, take, whole }: Arriving, hear: Hear): void => {
  // Taking the listeners off again would cost more than they do.
  let isOver = false
  const leave = (): void => {
    isOver = true
    release()
  }
  const onData = (piece: Uint8Array): void => {
    const refused = isOver ? undefined : take(piece)
    if (refused === undefined) return
    leave()
    // Whoever answers sees to what is still to come.
    incoming.pause()
    hear(stop(refused))
  }
  const onEnd = (): void => {
    if (isOver) return
    const body = whole()
    leave()
    hear(Effect.succeed(body))
  }
  const onBroken = (): void => {
    if (isOver) return
    leave()
    hear(stop(unreadable))
  }
  incoming.on("end", onEnd).on("error", onBroken).on("close", onBroken).on("data", onData)
}

/** The body of any other. */
const fromStream = (stream: McpRequest["stream"], begin: () => Arriving) =>
  Effect.suspend(() => {
    const { release, take, whole } = begin()
    return stream.pipe(
      Stream.mapError(() => unreadable),
      Stream.runForEach((piece) => {
        const refused = take(piece)
        return refused === undefined ? Effect.void : stop(refused)
      }),
      Effect.map(whole),
      Effect.ensuring(Effect.sync(release))
    )
  })

/** Gives what reads a body whole, or fails with how to answer a request whose body is not to be had. */
export const make = Effect.gen(function* () {
  const maxMessage = yield* Bounds.MaxMessage
  const buffers = yield* Bounds.Buffers
  const tooLarge = refuse(413, CODE.invalidRequest, Bounds.tooLarge("The body", maxMessage))
  const full = limited(503, `The body is not taken: ${Bounds.noRoom(buffers)}`, { retryAfter: RETRY_AFTER })

  const begin = (): Arriving => {
    const held = new Holding(buffers)
    const pieces: Array<Uint8Array> = []
    return {
      take: (piece) => {
        if (held.bytes + piece.length > maxMessage) return tooLarge
        if (!held.add(piece.length)) return full
        pieces.push(piece)
        return undefined
      },
      whole: () => Pieces.assemble(pieces),
      release: () => held.release()
    }
  }

  /** It is taken as it comes, piece by piece: nothing is held for what a client has only announced. */
  return (request: McpRequest, hear: Hear): void => {
    if (Number(request.headers["content-length"] ?? 0) > maxMessage) return hear(stop(tooLarge))
    const incoming = incomingOf(request)
    if (incoming === undefined) hear(fromStream(request.stream, begin))
    else fromSocket(incoming, begin(), hear)
  }
})
