/**
 * The way of a POST to the MCP endpoint past the router: from the listener to the same handler, and from its answer to the
 * socket. It is what every call pays for, so there is no router and no middleware on it, and no stream where the answer is
 * none. All that is not plain (other paths and methods, requests whose body was not read) is the platform's.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { Headers } from "effect/http/Headers"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import { Underway } from "../gateway/Underway.ts"
import { logger } from "../observability/Logging.ts"
import { incomingOf, type McpRequest } from "./McpRequest.ts"
import { piecesOf } from "./Responses.ts"

const log = logger("http")

/** Takes a request; false where it is somebody else's. */
export type Direct = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

/** Up to here one string with the head is cheaper than several buffers. */
const SMALL = 16_384

/** A request as it came from the listener. */
class DirectRequest implements McpRequest {
  readonly method = "POST"
  readonly source: IncomingMessage
  readonly response: ServerResponse

  constructor(source: IncomingMessage, response: ServerResponse) {
    this.source = source
    this.response = response
  }

  get headers(): Headers {
    return this.source.headers as unknown as Headers
  }

  /** Whoever reads the body reads it from the source. */
  get stream(): typeof Stream.empty {
    return Stream.empty
  }
}

const failed = HttpServerResponse.empty({ status: 500 })

/** Some of a stream. Node makes one write of it, for it comes in one turn. False: it is to drain before there is more. */
const writeSome = (outgoing: ServerResponse, pieces: Pieces.Pieces): boolean => {
  let goesOn = true
  for (const piece of pieces) goesOn = outgoing.write(piece)
  return goesOn
}

/** A whole answer in one write. */
const writeWhole = (outgoing: ServerResponse, pieces: Pieces.Pieces): void => {
  if (Pieces.lengthOf(pieces) <= SMALL) {
    // Bytes as they are: each is one character of Latin-1.
    outgoing.end(pieces.map((piece) => Json.asBuffer(piece).toString("latin1")).join(""), "latin1")
    return
  }
  outgoing.cork()
  writeSome(outgoing, pieces)
  outgoing.end()
  outgoing.uncork()
}

/** A stream as it comes, and no faster than its client reads it. Where it fails, the answer is left without its end. */
const writeStream = (outgoing: ServerResponse, body: Stream.Stream<Uint8Array, unknown>): Effect.Effect<void> => {
  const drained = Latch.makeUnsafe(false)
  outgoing.on("drain", () => drained.openUnsafe())
  return body.pipe(
    Stream.runForEachArray((pieces) => {
      if (writeSome(outgoing, Pieces.gather(pieces))) return Effect.void
      drained.closeUnsafe()
      return drained.await
    }),
    Effect.orDie,
    Effect.map(() => void outgoing.end())
  )
}

/** Writes an answer; undefined for one that is not to be written here, and else what is still to be done for it, if anything. */
const write = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { body, headers, status }: HttpServerResponse.HttpServerResponse
): Effect.Effect<void> | undefined => {
  // What is not read of a request has to be drained, or its connection closed.
  if (!incoming.complete) return undefined
  const pieces = piecesOf(body) ?? (body._tag === "Uint8Array" ? [body.body] : undefined)
  if (pieces === undefined && body._tag !== "Empty" && body._tag !== "Stream") return undefined
  outgoing.writeHead(status, headers)
  if (pieces !== undefined) writeWhole(outgoing, pieces)
  else if (body._tag === "Stream") return writeStream(outgoing, body.stream)
  else outgoing.end()
  return Effect.void
}

/** The direct path for POSTs to one path, to be handled as the router's handler would; ends with the scope. */
export const make = Effect.fnUntraced(function* (
  path: string,
  handle: (request: McpRequest) => Effect.Effect<HttpServerResponse.HttpServerResponse>
) {
  const scope = yield* Effect.scope
  const requests = yield* Underway.make
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const answers = new WeakMap<IncomingMessage, HttpServerResponse.HttpServerResponse>()
  const platform = yield* NodeHttpServer.makeHandler(
    Effect.map(HttpServerRequest, (request) => {
      const incoming = incomingOf(request)
      return (incoming === undefined ? undefined : answers.get(incoming)) ?? failed
    }),
    { scope }
  )

  const answer = (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    response: HttpServerResponse.HttpServerResponse
  ): Effect.Effect<void> => {
    if (outgoing.destroyed) return Effect.void
    const written = write(incoming, outgoing, response)
    if (written !== undefined) return written
    answers.set(incoming, response)
    platform(incoming, outgoing)
    return Effect.void
  }

  /** Nobody is left without an answer; who has been told of success already learns by the broken connection. */
  const fail = (incoming: IncomingMessage, outgoing: ServerResponse, cause: Cause.Cause<never>): void => {
    if (!Cause.hasInterruptsOnly(cause)) runFork(log.error("A request failed unexpectedly", {}, cause))
    if (outgoing.headersSent) outgoing.destroy()
    else runFork(answer(incoming, outgoing, failed))
  }

  const direct: Direct = (incoming, outgoing) => {
    if (incoming.method !== "POST" || incoming.url !== path) return false
    const answered = Effect.flatMap(handle(new DirectRequest(incoming, outgoing)), (response) =>
      answer(incoming, outgoing, response)
    )
    const fiber = runFork(answered)
    requests.add(fiber)
    const settle = (exit: Exit.Exit<void>): void => {
      if (Exit.isFailure(exit)) fail(incoming, outgoing, exit.cause)
    }
    const done = fiber.pollUnsafe()
    if (done !== undefined) {
      settle(done)
      return true
    }
    fiber.addObserver(settle)
    // A client that goes away gives its request up. Of one that is done there is nothing to give up.
    outgoing.on("close", () => void fiber.interruptUnsafe())
    return true
  }
  return direct
})
