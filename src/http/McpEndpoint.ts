/** The MCP endpoint: reads what is sent, decides its era, and hands it to that era's endpoint. */
import * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ClientMessage from "../domain/ClientMessage.ts"
import * as Era from "../domain/Era.ts"
import type { Principal } from "../domain/Principal.ts"
import { CODE, HEADER, isModernRevision } from "../domain/Protocol.ts"
import type { Endpoint } from "../fleet/Catalog.ts"
import * as Answers from "../gateway/Answers.ts"
import { Streams } from "../gateway/EventLogs.ts"
import * as Accept from "./Accept.ts"
import { Draining } from "./Draining.ts"
import * as Later from "./Later.ts"
import * as LegacyEndpoint from "./LegacyEndpoint.ts"
import * as ModernEndpoint from "./ModernEndpoint.ts"
import * as RequestBody from "./RequestBody.ts"
import * as OwnerRate from "./OwnerRate.ts"
import { accepted, message, NO_ID, refuse, stop } from "./Responses.ts"
import type { McpRequest } from "./McpRequest.ts"

type Response = HttpServerResponse.HttpServerResponse

export type Answer = Later.Answer<Response>

/** What the headers of a POST allow to answer with; or why the body is not even read. */
const readAccept = (request: McpRequest): Effect.Effect<Accept.Accepted, Response> => {
  if (!Accept.isJson(request.headers["content-type"])) {
    return stop(refuse(415, CODE.badSession, "Unsupported Media Type: Content-Type must be application/json"))
  }
  const encoding = request.headers["content-encoding"]
  if (encoding !== undefined && encoding !== "identity") {
    const text = `Unsupported Media Type: Content-Encoding ${JSON.stringify(encoding)}`
    return stop(refuse(415, CODE.badSession, text))
  }
  const accept = Accept.read(request.headers["accept"])
  return accept.json || accept.stream
    ? Effect.succeed(accept)
    : stop(refuse(406, CODE.badSession, "Not Acceptable: Client must accept application/json or text/event-stream"))
}

const notAllowed = (allow: string): Response =>
  refuse(405, CODE.badSession, "Method not allowed", { headers: { allow } })

export const make = Effect.gen(function* () {
  const draining = yield* Draining
  const readBody = yield* RequestBody.make
  const exceeded = yield* OwnerRate.make
  const legacy = yield* LegacyEndpoint.make
  const modern = yield* ModernEndpoint.make
  const streams = yield* Streams

  // A proxy that stops lets its listeners go, with the word when to come back; what is still under way has its time.
  yield* Effect.forkScoped(
    Effect.andThen(
      draining.begun,
      Effect.sync(() => streams.dismissStanding())
    )
  )
  yield* Effect.forkScoped(
    Effect.andThen(
      draining.ended,
      Effect.sync(() => streams.close())
    )
  )

  const received = (
    request: McpRequest,
    principal: Principal,
    endpoint: Endpoint,
    accept: Accept.Accepted,
    bytes: Uint8Array
  ): Effect.Effect<Answer, Response> => {
    const body = ClientMessage.read(bytes)
    if (body._tag === "Refusal") return stop(refuse(400, body.code, body.reason, { id: body.id }))
    const classified = Era.classify(request.headers, body)
    if (classified._tag === "Legacy") return legacy.post(request, principal, endpoint, body, accept)
    if (classified._tag === "Refused") {
      const { code, data, message: text, status } = classified
      const id = body._tag === "Request" ? body.id : NO_ID
      const failure = Answers.failure(id, { code, message: text, ...(data === undefined ? {} : { data }) })
      return stop(message(failure, { status }))
    }
    // No notification of a client's means anything over HTTP (2026-07-28, transports/streamable-http).
    return body._tag === "Request" && classified.envelope !== undefined
      ? modern.post(request, principal, endpoint, body, classified.envelope, accept)
      : Effect.succeed(accepted)
  }

  const post = (request: McpRequest, principal: Principal, endpoint: Endpoint): Effect.Effect<Answer, Response> => {
    if (draining.isOver()) {
      const headers = { "retry-after": "5", connection: "close" }
      return stop(refuse(503, CODE.badSession, "The proxy is shutting down", { headers }))
    }
    return Effect.mapEager(
      readAccept(request),
      (accept) =>
        new Later.Later<Response>((hear) =>
          readBody(request, (body) =>
            hear(() => {
              const answered = Effect.flatMapEager(body, (bytes) =>
                received(request, principal, endpoint, accept, bytes)
              )
              return Effect.catchEager(answered, Effect.succeed)
            })
          )
        )
    )
  }

  const serve = (request: McpRequest, principal: Principal, endpoint: Endpoint): Effect.Effect<Answer, Response> => {
    if (request.method === "POST") return post(request, principal, endpoint)
    // Modern revisions have no standing stream, and no sessions to end.
    if (isModernRevision(request.headers[HEADER.protocolVersion]?.trim()))
      return Effect.succeed(notAllowed("POST, OPTIONS"))
    if (request.method === "GET") return legacy.get(request, principal, endpoint)
    if (request.method === "DELETE") return legacy.end(request, principal, endpoint)
    return Effect.succeed(notAllowed("GET, POST, DELETE, OPTIONS"))
  }

  /** Serves one request to an endpoint that exists, for a caller who may. */
  return (request: McpRequest, principal: Principal, endpoint: Endpoint): Effect.Effect<Answer> =>
    exceeded(request, principal) ?? Effect.catchEager(serve(request, principal, endpoint), Effect.succeed)
})
