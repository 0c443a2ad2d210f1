/** The MCP endpoint for legacy revisions: sessions over Streamable HTTP (2025-11-25, basic/transports). */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Holding } from "../domain/ByteBudget.ts"
import type * as ClientMessage from "../domain/ClientMessage.ts"
import { type LimitReached, verdict } from "../domain/Errors.ts"
import type { RequestId } from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import type { Principal } from "../domain/Principal.ts"
import {
  CODE,
  HEADER,
  isLegacyRevision,
  isSince,
  LEGACY_REVISIONS,
  type LegacyRevision,
  type Revision
} from "../domain/Protocol.ts"
import type { Endpoint } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import * as Answers from "../gateway/Answers.ts"
import * as ClientNotices from "../gateway/ClientNotices.ts"
import { EventIds } from "../gateway/EventIds.ts"
import type { EventLog } from "../gateway/EventLog.ts"
import { Streams } from "../gateway/EventLogs.ts"
import * as Initialize from "../gateway/Initialize.ts"
import { Proxy } from "../gateway/Proxy.ts"
import { ReplyChannel } from "../gateway/ReplyChannel.ts"
import type { Session } from "../gateway/Session.ts"
import { Sessions } from "../gateway/Sessions.ts"
import { SessionExchange } from "../gateway/SessionExchange.ts"
import { logger } from "../observability/Logging.ts"
import * as Accept from "./Accept.ts"
import { type Answer, Later } from "./Later.ts"
import { accepted, limited, message, NO_ID, refuse, stop } from "./Responses.ts"
import * as Sending from "./Sending.ts"
import * as Sse from "./Sse.ts"
import type { McpRequest } from "./McpRequest.ts"

const log = logger("http")

type Response = HttpServerResponse.HttpServerResponse

/** When a client that was refused for want of room may try again, in seconds. */
const RETRY_AFTER = 1

/** More standing streams of one session than any client opens. */
const MAX_STANDING = 16

export const make = Effect.gen(function* () {
  const sessions = yield* Sessions
  const proxy = yield* Proxy
  const fleet = yield* Fleet
  const streams = yield* Streams
  const eventIds = yield* EventIds
  const begin = yield* Initialize.make
  const notices = yield* ClientNotices.make
  const send = yield* Sending.make

  const full = ({ limit }: LimitReached, id?: Uint8Array): Response =>
    limited(429, limit, { retryAfter: RETRY_AFTER, ...(id === undefined ? {} : { id }) })

  /** The header must name a revision that we speak; without it the session's own is understood. */
  const misnamed = (request: McpRequest): Response | undefined => {
    const revision = request.headers[HEADER.protocolVersion]
    if (revision === undefined || isLegacyRevision(revision)) return undefined
    const text = `Bad Request: Unsupported protocol version ${JSON.stringify(revision)} (supported versions: ${LEGACY_REVISIONS.join(", ")})`
    return refuse(400, CODE.badSession, text)
  }

  const findSession = (
    request: McpRequest,
    principal: Principal,
    endpoint: Endpoint
  ): Effect.Effect<Session, Response> => {
    const refused = misnamed(request)
    if (refused !== undefined) return stop(refused)
    const id = request.headers[HEADER.sessionId]
    if (id === undefined) return stop(refuse(400, CODE.badSession, "Bad Request: Mcp-Session-Id header is required"))
    return sessions.find(id, principal, endpoint).pipe(
      Effect.mapErrorEager(full),
      Effect.flatMapEager((session) =>
        Option.isSome(session)
          ? Effect.succeed(session.value)
          : stop(refuse(404, CODE.sessionNotFound, "Session not found"))
      )
    )
  }

  /** The revision to answer a request by: the one that its header names, where that is older than the session's. */
  const revisionOf = (request: McpRequest, session: Session): LegacyRevision => {
    const named = request.headers[HEADER.protocolVersion]
    const agreed = session.caller.revision
    return isLegacyRevision(named) && isSince(agreed, named) ? named : agreed
  }

  const deliver = Effect.fnUntraced(function* (log: EventLog, after: number, revision: Revision) {
    const onItsWay = new Holding(streams.buffers)
    const deliveries = log.read(after, onItsWay)
    if (deliveries === undefined) return undefined
    const prefix = yield* eventIds.prefix(log.name)
    const primed = after === 0 && isSince(revision, "2025-11-25")
    return { deliveries, onItsWay, prefix, primed, silent: log.isSilentAfter(after) }
  })

  const onInitialize = Effect.fnUntraced(function* (
    request: McpRequest,
    principal: Principal,
    endpoint: Endpoint,
    initialize: ClientMessage.Request
  ) {
    const id = request.headers[HEADER.sessionId]
    if (
      id !== undefined &&
      Option.isSome(yield* Effect.orElseSucceed(sessions.find(id, principal, endpoint), Option.none))
    ) {
      const text = "Invalid Request: the session is initialized already"
      return refuse(400, CODE.invalidRequest, text, { id: initialize.id })
    }
    return yield* begin(principal, endpoint, initialize).pipe(
      Effect.map(({ answer, session }) => message(answer, { headers: { [HEADER.sessionId]: session.id } })),
      Effect.catchTags({
        BadParams: (error) => Effect.succeed(message(Answers.failure(initialize.id, verdict(error)))),
        LimitReached: (error) => Effect.succeed(full(error, initialize.id)),
        SessionTooLarge: (error) =>
          Effect.succeed(refuse(400, CODE.invalidRequest, error.message, { id: initialize.id }))
      })
    )
  })

  /** Takes what needs no answer. */
  const take = (session: Session, received: ClientMessage.Notification | ClientMessage.Response) =>
    received._tag === "Notification" ? notices.notified(session, received) : notices.answered(session, received)

  const reply = (request: McpRequest, channel: ReplyChannel, id: Uint8Array): Later<Response> =>
    new Later((hear) =>
      channel.whenDecided((decided) =>
        hear(() =>
          decided._tag === "Json"
            ? Effect.succeed(send(request, decided.body, { id, status: 200 }))
            : Effect.map(deliver(decided.log, 0, channel.revision), (delivery) =>
                delivery === undefined ? HttpServerResponse.empty({ status: 500 }) : Sse.response(delivery)
              )
        )
      )
    )

  const open = (
    request: McpRequest,
    session: Session,
    accept: Accept.Accepted,
    id: RequestId | null,
    batchOf?: number
  ): ReplyChannel => {
    const channel = new ReplyChannel({
      logs: streams,
      session: session.key,
      owner: session.owner,
      request: id,
      revision: revisionOf(request, session),
      acceptsStream: accept.stream,
      prefersStream: accept.prefersStream,
      ...(batchOf === undefined ? {} : { batchOf })
    })
    // Whoever takes nothing but a stream gets the room that there is for one before the call is made.
    if (!accept.json) channel.stream()
    return channel
  }

  const acceptCall = (
    http: McpRequest,
    session: Session,
    channel: ReplyChannel,
    request: ClientMessage.Request
  ): void => proxy.accept(new SessionExchange(session, request, channel, http.headers))

  const batch = Effect.fnUntraced(function* (
    request: McpRequest,
    session: Session,
    { messages }: Extract<ClientMessage.Body, { readonly _tag: "Batch" }>,
    accept: Accept.Accepted
  ) {
    if (session.caller.revision !== "2025-03-26") {
      const text = `Revision ${session.caller.revision} knows no batches; send one message at a time`
      return refuse(400, CODE.invalidRequest, text)
    }
    if (messages.some((one) => one._tag === "Request" && one.method === "initialize")) {
      return refuse(400, CODE.invalidRequest, "initialize must not be part of a batch")
    }
    const answerable = messages.filter((one) => one._tag === "Request" || one._tag === "Refusal")
    const channel = open(request, session, accept, null, answerable.length)
    for (const one of messages) {
      if (one._tag === "Request") acceptCall(request, session, channel, one)
      else if (one._tag === "Refusal")
        channel.answer([Answers.failure(one.id, { code: one.code, message: one.reason })])
      else yield* take(session, one)
    }
    return answerable.length === 0 ? accepted : reply(request, channel, NO_ID)
  })

  const post = (
    request: McpRequest,
    principal: Principal,
    endpoint: Endpoint,
    body: Exclude<ClientMessage.Body, ClientMessage.Refusal>,
    accept: Accept.Accepted
  ): Effect.Effect<Answer<Response>, Response> => {
    if (body._tag === "Request" && body.method === "initialize") {
      return onInitialize(request, principal, endpoint, body)
    }
    return Effect.flatMapEager(
      findSession(request, principal, endpoint),
      (session): Effect.Effect<Answer<Response>, Response> => {
        const noStream = accept.json ? undefined : streams.full(session.owner)
        if (noStream !== undefined) return stop(limited(429, noStream, { retryAfter: RETRY_AFTER }))
        if (body._tag === "Batch") return batch(request, session, body, accept)
        if (body._tag !== "Request") return Effect.as(take(session, body), accepted)
        const channel = open(request, session, accept, body.requestId)
        acceptCall(request, session, channel, body)
        return Effect.succeed(reply(request, channel, body.id))
      }
    )
  }

  /** A stream with nothing but the word that an answer cannot be had any more. */
  const unknownOutcome = (requestId: string, reason: string): Response => {
    const id = Json.utf8(requestId)
    const lost = Answers.failure(id, { code: 1502, message: `Outcome unknown: ${reason}` })
    return Sse.response({
      deliveries: Stream.make({ _tag: "Events", events: [{ sequence: 1, message: lost }], sent: () => {} } as const),
      onItsWay: undefined,
      prefix: "lost",
      primed: false
    })
  }

  /** A standing stream keeps the session's own connections alive, and is where it hears what belongs to no call. */
  const stand = Effect.fnUntraced(function* (session: Session, log: EventLog, after: number) {
    const delivery = yield* deliver(log, after, session.caller.revision)
    if (delivery === undefined) return undefined
    const held = Stream.unwrap(
      Effect.gen(function* () {
        yield* fleet.hold(session.caller)
        yield* Effect.acquireRelease(
          Effect.sync(() => session.attach(log)),
          () =>
            Effect.sync(() => {
              // Its client may have taken it up again on another connection meanwhile.
              if (log.idleSince === undefined) return
              session.detach(log)
              // Nothing was said on it, so whoever comes back to it is as well served by a new one.
              if (log.isSilentAfter(0)) streams.drop(log)
            })
        )
        return delivery.deliveries
      })
    )
    return Sse.response({ ...delivery, deliveries: held })
  })

  const resume = Effect.fnUntraced(function* (session: Session, lastEventId: string) {
    const opened = yield* eventIds.open(lastEventId, session.key)
    if (Option.isNone(opened)) {
      return refuse(400, CODE.badSession, "Invalid event ID: it is not one of this session's")
    }
    const { sequence, stream } = opened.value
    const log = streams.find(stream)
    if (stream.request === null) {
      const taken = log === undefined ? undefined : yield* stand(session, log, sequence)
      return taken ?? (yield* newStanding(session))
    }
    if (log === undefined) return unknownOutcome(stream.request, "the proxy restarted, or too much time has passed")
    const delivery = yield* deliver(log, sequence, session.caller.revision)
    return delivery === undefined
      ? unknownOutcome(stream.request, "more was said than is kept")
      : Sse.response({ ...delivery, primed: false })
  })

  const newStanding = Effect.fnUntraced(function* (session: Session) {
    if (session.standingStreams.length >= MAX_STANDING) {
      return refuse(409, CODE.badSession, `Conflict: the session has ${MAX_STANDING} standing streams already`)
    }
    const log = streams.open({ session: session.key, request: null }, session.owner)
    return (yield* stand(session, log, 0)) ?? HttpServerResponse.empty({ status: 500 })
  })

  const get = Effect.fnUntraced(function* (
    request: McpRequest,
    principal: Principal,
    endpoint: Endpoint
  ): Effect.fn.Return<Response, Response> {
    if (!Accept.read(request.headers["accept"]).stream) {
      return refuse(406, CODE.badSession, "Not Acceptable: Client must accept text/event-stream")
    }
    const session = yield* findSession(request, principal, endpoint)
    const noStream = streams.full(session.owner)
    if (noStream !== undefined) return limited(429, noStream, { retryAfter: RETRY_AFTER })
    const lastEventId = request.headers[HEADER.lastEventId]
    return lastEventId === undefined ? yield* newStanding(session) : yield* resume(session, lastEventId)
  })

  const end = Effect.fnUntraced(function* (
    request: McpRequest,
    principal: Principal,
    endpoint: Endpoint
  ): Effect.fn.Return<Response, Response> {
    const session = yield* findSession(request, principal, endpoint)
    return yield* sessions.end(session).pipe(
      Effect.andThen(Effect.sync(() => streams.endOf(session.key))),
      Effect.as(HttpServerResponse.empty({ status: 200 })),
      Effect.catch((error) => {
        const text = `The session goes on, for its end could not be kept. ${error.message}`
        return Effect.as(log.error(text), refuse(500, CODE.internalError, "The session could not be ended; try again"))
      })
    )
  })

  return { post, get, end }
})
