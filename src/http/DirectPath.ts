/**
 * The way of a POST to the MCP endpoint past the router: from the listener to the same handler, and from its answer to the
 * socket. It is what every call pays for, so there is no router and no middleware on it, and no stream where the answer is
 * none. All that is not plain (other paths and methods, requests whose body was not read) is the platform's.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Headers } from "effect/http/Headers"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { IncomingMessage, ServerResponse } from "node:http"
import type * as Pieces from "../domain/Pieces.ts"
import { Underway } from "../gateway/Underway.ts"
import { logger } from "../observability/Logging.ts"
import * as EndOfTurn from "./EndOfTurn.ts"
import { Later } from "./Later.ts"
import type { Answer } from "./McpEndpoint.ts"
import { incomingOf, type McpRequest } from "./McpRequest.ts"
import { piecesOf } from "./Responses.ts"
import * as Writing from "./Writing.ts"

const log = logger("http")

/** Takes a request; false where it is somebody else's. */
export type Direct = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

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

/** The body of an answer that is not to be waited for; undefined for any other. */
const wholeOf = (body: HttpServerResponse.HttpServerResponse["body"]): Pieces.Pieces | undefined =>
  body._tag === "Empty" ? [] : body._tag === "Uint8Array" ? [body.body] : piecesOf(body)

/** The direct path for POSTs to one path, to be handled as the router's handler would; ends with the scope. */
export const make = Effect.fnUntraced(function* (path: string, handle: (request: McpRequest) => Effect.Effect<Answer>) {
  const scope = yield* Effect.scope
  const requests = yield* Underway.make
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const answers = new WeakMap<IncomingMessage, HttpServerResponse.HttpServerResponse>()
  const atEndOfTurn = EndOfTurn.make()
  const platform = yield* NodeHttpServer.makeHandler(
    Effect.map(HttpServerRequest, (request) => {
      const incoming = incomingOf(request)
      return (incoming === undefined ? undefined : answers.get(incoming)) ?? failed
    }),
    { scope }
  )

  /** Writes an answer, or sees to its being written; gives what is still to be done for it, if anything. */
  const answer = (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    response: HttpServerResponse.HttpServerResponse
  ): Effect.Effect<void> => {
    if (outgoing.destroyed) return Effect.void
    const { body, headers, status } = response
    // What is not read of a request has to be drained, or its connection closed.
    const pieces = incoming.complete ? wholeOf(body) : undefined
    if (pieces !== undefined) {
      atEndOfTurn(() => {
        try {
          outgoing.writeHead(status, headers)
          Writing.whole(outgoing, pieces)
        } catch (defect) {
          fail(incoming, outgoing, Cause.die(defect))
        }
      })
      return Effect.void
    }
    if (incoming.complete && body._tag === "Stream") {
      outgoing.writeHead(status, headers)
      return Writing.stream(outgoing, body.stream, atEndOfTurn)
    }
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

  /** Does what takes time. A client that goes away gives it up; of a request that is done there is nothing to give up. */
  const fork = ({ response: outgoing, source: incoming }: DirectRequest, work: Effect.Effect<void>): void => {
    const fiber = runFork(work)
    requests.add(fiber)
    const settle = (exit: Exit.Exit<void>): void => {
      if (Exit.isFailure(exit)) fail(incoming, outgoing, exit.cause)
    }
    const done = fiber.pollUnsafe()
    if (done !== undefined) return settle(done)
    fiber.addObserver(settle)
    outgoing.on("close", () => void fiber.interruptUnsafe())
  }

  /** Sees to an answer: at once where it is known, else when it is. */
  const take = (request: DirectRequest, ask: () => Effect.Effect<Answer>): void => {
    const { response: outgoing, source: incoming } = request
    const give = (came: Answer): Effect.Effect<void> => {
      if (!(came instanceof Later)) return answer(incoming, outgoing, came)
      came.whenKnown((known) => take(request, known))
      return Effect.void
    }
    try {
      const answered = ask()
      const known = Exit.isExit(answered) ? (answered as Exit.Exit<Answer>) : undefined
      const left = known !== undefined && Exit.isSuccess(known) ? give(known.value) : Effect.flatMap(answered, give)
      if (left !== Effect.void) fork(request, left)
    } catch (defect) {
      fail(incoming, outgoing, Cause.die(defect))
    }
  }

  const direct: Direct = (incoming, outgoing) => {
    if (incoming.method !== "POST" || incoming.url !== path) return false
    const request = new DirectRequest(incoming, outgoing)
    take(request, () => handle(request))
    return true
  }
  return direct
})
