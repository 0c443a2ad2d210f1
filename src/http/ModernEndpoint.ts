/** The MCP endpoint for modern revisions: each POST says it all (2026-07-28, transports/streamable-http). */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Audit } from "../access/Audit.ts"
import { Holding } from "../domain/ByteBudget.ts"
import type * as ClientMessage from "../domain/ClientMessage.ts"
import type { Envelope } from "../domain/Envelope.ts"
import type { Headers } from "../domain/Era.ts"
import { type BadParams, LimitReached } from "../domain/Errors.ts"
import * as Pieces from "../domain/Pieces.ts"
import type { Principal } from "../domain/Principal.ts"
import { CODE, LATEST_MODERN, MAY_ASK } from "../domain/Protocol.ts"
import type { Endpoint } from "../fleet/Catalog.ts"
import * as CallRecord from "../gateway/CallRecord.ts"
import * as Conclusions from "../gateway/Conclusions.ts"
import { Streams } from "../gateway/EventLogs.ts"
import * as InputRequired from "../gateway/InputRequired.ts"
import { Listens } from "../gateway/Listens.ts"
import { ModernExchange } from "../gateway/ModernExchange.ts"
import { ModernRequesters } from "../gateway/ModernRequesters.ts"
import { Parking } from "../gateway/Parking.ts"
import { Proxy } from "../gateway/Proxy.ts"
import { Buffers } from "../upstream/Bounds.ts"
import { ReplyChannel } from "../gateway/ReplyChannel.ts"
import type { Requester } from "../gateway/Requester.ts"
import { whenOver } from "../gateway/Around.ts"
import type { Accepted } from "./Accept.ts"
import { Draining } from "./Draining.ts"
import { limited, message, refuse } from "./Responses.ts"
import * as Sending from "./Sending.ts"
import * as Sse from "./Sse.ts"
import type { McpRequest } from "./McpRequest.ts"

/** Why a request is not even begun. */
type Refused = BadParams | LimitReached

type Response = HttpServerResponse.HttpServerResponse

export const make = Effect.gen(function* () {
  const audit = yield* Audit
  const proxy = yield* Proxy
  const parking = yield* Parking
  const listens = yield* Listens
  const streams = yield* Streams
  const buffers = yield* Buffers
  const send = yield* Sending.make
  const draining = yield* Draining
  const requesters = new ModernRequesters()

  // Nobody comes back to a process that stops: what waits for answers need not keep it, and streams end in good order.
  yield* Effect.forkScoped(
    Effect.andThen(
      draining.begun,
      Effect.andThen(
        parking.clear,
        Effect.sync(() => listens.close())
      )
    )
  )

  /** Puts into the audit trail what is decided here already. */
  const record = (requester: Requester, request: ClientMessage.Request, exit: Exit.Exit<void, Refused>) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const exchange = { requester, request, server: undefined, answer: undefined }
      const { argumentsOf } = audit
      return audit.record(
        CallRecord.make({ exchange, started: now, ended: now, exit, bytesOut: undefined, argumentsOf })
      )
    })

  /** The answer to a POST, of which the client's going away is a cancellation. */
  const reply = Effect.fnUntraced(function* (
    http: McpRequest,
    id: Uint8Array,
    channel: ReplyChannel,
    abandoned: () => void
  ) {
    const decided = yield* Effect.onInterrupt(channel.reply, () => Effect.sync(abandoned))
    if (decided._tag === "Json") return send(http, decided.body, { id, status: decided.status })
    const { log } = decided
    const onItsWay = new Holding(buffers)
    const deliveries = whenOver(log.read(0, onItsWay) ?? Stream.empty, () => {
      abandoned()
      streams.drop(log)
    })
    return Sse.response({
      deliveries,
      onItsWay,
      prefix: undefined,
      primed: false,
      silent: log.isSilentAfter(0)
    })
  })

  const call = Effect.fnUntraced(function* (
    requester: Requester,
    request: ClientMessage.Request,
    envelope: Envelope,
    headers: Headers,
    channel: ReplyChannel
  ) {
    const resumed = MAY_ASK.has(request.method)
      ? yield* parking.resume(requester, request, channel)
      : ({ _tag: "Fresh" } as const)
    if (resumed._tag === "Resumed") return resumed.exchange
    const exchange = new ModernExchange({
      requester,
      request: resumed._tag === "Again" ? InputRequired.withoutAnswers(request) : request,
      envelope,
      headers,
      channel,
      buffers,
      ask: parking.ask,
      onTold: parking.forget
    })
    proxy.accept(exchange)
    return exchange
  })

  const listen = Effect.fnUntraced(function* (
    requester: Requester,
    request: ClientMessage.Request,
    channel: ReplyChannel
  ) {
    const log = channel.stream()
    if (log === undefined) {
      const limit = streams.full(requester.owner)
      if (limit !== undefined) return yield* new LimitReached({ limit })
      return refuse(406, CODE.badSession, "subscriptions/listen is answered with an event stream")
    }
    const onItsWay = new Holding(buffers)
    const deliveries = whenOver(yield* listens.open(requester, request, log, onItsWay), () => streams.drop(log))
    yield* record(requester, request, Exit.void)
    return Sse.response({ deliveries, onItsWay, prefix: undefined, primed: false })
  })

  return {
    /** Answers one request. */
    post: Effect.fnUntraced(function* (
      http: McpRequest,
      principal: Principal,
      endpoint: Endpoint,
      request: ClientMessage.Request,
      envelope: Envelope,
      accept: Accepted
    ): Effect.fn.Return<Response> {
      const requester = requesters.of(principal, endpoint, envelope)
      const channel = new ReplyChannel({
        logs: streams,
        session: requester.key,
        owner: requester.owner,
        request: request.requestId,
        revision: LATEST_MODERN,
        acceptsStream: accept.stream,
        prefersStream: accept.prefersStream
      })
      const { whyNoStream } = channel
      if (!accept.json && whyNoStream !== undefined) return limited(429, whyNoStream, { retryAfter: 1, id: request.id })
      // Whoever takes nothing but a stream gets the room that there is for one before the call is made.
      if (!accept.json) channel.stream()
      const answered =
        request.method === "subscriptions/listen"
          ? listen(requester, request, channel)
          : Effect.flatMap(call(requester, request, envelope, http.headers, channel), (exchange) =>
              reply(http, request.id, channel, () => exchange.abandoned(channel))
            )
      return yield* answered.pipe(
        Effect.catch((error) => {
          const { status, under } = Conclusions.proxyError("modern", error)
          return Effect.as(
            record(requester, request, Exit.fail(error)),
            message(Pieces.join(under(request.id)), { status })
          )
        })
      )
    })
  }
})
