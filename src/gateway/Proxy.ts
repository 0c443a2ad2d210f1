/** The one way through: route -> borrow -> call -> names restored -> answer. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Audit } from "../access/Audit.ts"
import * as ClientMessage from "../domain/ClientMessage.ts"
import { BadParams, Cancelled, type ProxyError, UnknownMethod } from "../domain/Errors.ts"
import type * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import { CODE, isLogLevel } from "../domain/Protocol.ts"
import * as ResourceUri from "../domain/ResourceUri.ts"
import type { ServerId } from "../domain/ServerId.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { logger } from "../observability/Logging.ts"
import * as Setting from "../settings/Setting.ts"
import { ownRequest } from "../upstream/Connection.ts"
import type { Upstream } from "../upstream/Upstream.ts"
import * as Answers from "./Answers.ts"
import * as CallRecord from "./CallRecord.ts"
import { Exchange, quiet } from "./Exchange.ts"
import * as Lists from "./Lists.ts"
import type { ReplyChannel } from "./ReplyChannel.ts"
import * as Router from "./Router.ts"
import type { Session } from "./Session.ts"
import { Sessions } from "./Sessions.ts"

const log = logger("gateway")

export const settings = {
  listWait: Setting.duration({
    name: "MCP_LIST_WAIT",
    description: "How long a client's first list waits for servers that are starting for the first time.",
    fallback: "5 s"
  })
}

/** How the gateway behaves where the configuration file does not say. */
export const Behaviour = Context.Reference<{ readonly listWait: Duration.Duration }>(
  "mcp-proxy/gateway/Proxy/Behaviour",
  { defaultValue: () => ({ listWait: Duration.seconds(5) }) }
)

/** The gateway for one client's requests, whoever carries them here. */
export class Proxy extends Context.Service<
  Proxy,
  {
    /** Takes a request on. The call goes on by itself, whatever becomes of who made it; its answer goes to the channel. */
    readonly accept: (session: Session, request: ClientMessage.Request, channel: ReplyChannel) => Effect.Effect<void>
    /** Waits until no call is in flight. */
    readonly idle: Effect.Effect<void>
    /** Cancels all calls in flight; each is answered as cancelled. */
    readonly abort: Effect.Effect<void>
  }
>()("mcp-proxy/gateway/Proxy") {}

/** How long a call may be unanswered before its reply becomes a stream. */
const SILENT_SECONDS = 10

/** Is it the server's word that there is no such resource? Revisions and servers differ in how they say it. */
const saysUnknown = (frame: Frame.Frame): boolean => {
  if (frame.error === undefined) return false
  const code = Json.tryParse(frame.bytes, Json.at(frame.bytes, frame.error, "code"))
  return code === CODE.resourceNotFound || code === CODE.invalidParams
}

const make = Effect.gen(function* () {
  const audit = yield* Audit
  const fleet = yield* Fleet
  const catalog = yield* Catalog
  const sessions = yield* Sessions
  const { listWait } = yield* Behaviour
  const lists = yield* Lists.make(listWait, fleet.config.pageSize)
  const router = yield* Router.make
  const calls = yield* FiberSet.make()
  const fork = yield* FiberSet.runtime(calls)()

  const renamer = (session: Session, server: ServerId): ((uri: string) => string) | undefined =>
    catalog.scheme(session.endpoint).uris === "prefixed" ? (uri) => ResourceUri.toPublic(server, uri) : undefined

  /** Tells a connection that is new to this session what the session has asked for so far. */
  const prepare = Effect.fnUntraced(function* (session: Session, upstream: Upstream["Service"]) {
    if (session.prepared.has(upstream)) return
    session.prepared.add(upstream)
    if (session.logLevel !== undefined) yield* upstream.setLogLevel(session.logLevel)
    for (const watched of session.watched) {
      const owner = yield* Effect.option(router.byUri(session, watched))
      if (owner._tag === "None" || owner.value.server !== upstream.config.id) continue
      const { uri } = owner.value
      upstream.watch(uri, session.key)
      yield* Effect.ignore(upstream.call(ownRequest("resources/subscribe", { uri }), quiet(session)))
    }
  })

  const borrow = (session: Session, server: ServerId) =>
    Effect.tap(fleet.borrow(server, session.caller), (upstream) => prepare(session, upstream))

  /** Sends a request to its server, and gives back the answer under the client's names. */
  const forward = Effect.fnUntraced(function* (
    exchange: Exchange,
    request: ClientMessage.Request,
    { overrides, server, unknown }: Router.Route
  ): Effect.fn.Return<Uint8Array, ProxyError, Scope.Scope> {
    const { session } = exchange
    exchange.server = server
    const upstream = yield* borrow(session, server)
    const rename = renamer(session, server)
    const handlers = exchange.handlers(rename, (message) => void fork(upstream.notify(message)))
    const meta = request.params?.values["_meta"]
    const wantsProgress = Predicate.isReadonlyObject(meta) && meta["progressToken"] !== undefined
    const encode = (id: number): Uint8Array =>
      ClientMessage.encode(
        request,
        id,
        wantsProgress ? { ...overrides, _meta: { ...meta, progressToken: id } } : overrides
      )
    const uri = overrides["uri"]
    if (request.method === "resources/unsubscribe" && typeof uri === "string") {
      session.watched.delete(String(request.params?.values["uri"]))
      yield* sessions.save(session)
      // Others on the connection may be watching still.
      if (!upstream.unwatch(uri, session.key)) return Answers.done(request.id)
    }
    const { frame } = yield* upstream.call({ method: request.method, encode }, handlers)
    exchange.answer = frame
    if (unknown !== undefined && saysUnknown(frame)) return yield* unknown
    if (request.method === "resources/subscribe" && typeof uri === "string" && frame.error === undefined) {
      upstream.watch(uri, session.key)
      session.watched.add(String(request.params?.values["uri"]))
      yield* sessions.save(session)
    }
    return Answers.forwarded(frame, request.id, rename)
  })

  const setLogLevel = Effect.fnUntraced(function* (session: Session, request: ClientMessage.Request) {
    const level = request.params?.values["level"]
    if (!isLogLevel(level)) {
      return yield* new BadParams({ reason: `logging/setLevel needs params.level, one of MCP's log levels` })
    }
    session.logLevel = level
    yield* sessions.save(session)
    yield* Effect.forEach(
      catalog.section(session.endpoint, session.caller.principal).servers,
      (server) => fleet.peek(server, session.caller)?.setLogLevel(level) ?? Effect.void,
      { concurrency: "unbounded", discard: true }
    )
    return Answers.done(request.id)
  })

  const handle = Effect.fnUntraced(function* (
    exchange: Exchange,
    request: ClientMessage.Request
  ): Effect.fn.Return<Uint8Array, ProxyError, Scope.Scope> {
    const { session } = exchange
    const kind = Lists.kindOf(request.method)
    if (kind !== undefined) return yield* lists.answer(session, request, kind)
    if (request.method === "ping") return Answers.done(request.id)
    if (request.method === "logging/setLevel") return yield* setLogLevel(session, request)
    const route = router.route(session, request, yield* lists.patience(session))
    if (route === undefined) return yield* new UnknownMethod({ method: request.method })
    return yield* forward(exchange, request, yield* route)
  })

  const answerFor = (
    request: ClientMessage.Request,
    exit: Exit.Exit<Uint8Array, ProxyError>
  ): Effect.Effect<Uint8Array> => {
    if (Exit.isSuccess(exit)) return Effect.succeed(exit.value)
    const failure = Exit.findErrorOption(exit)
    if (Option.isSome(failure)) return Effect.succeed(Answers.proxyError(request.id, failure.value))
    if (Exit.hasInterrupts(exit)) return Effect.succeed(Answers.proxyError(request.id, new Cancelled()))
    const error = { code: CODE.internalError, message: "Internal error; the proxy's log says more" }
    return Effect.as(
      log.error(`${request.method} failed unexpectedly`, {}, exit.cause),
      Answers.failure(request.id, error)
    )
  }

  /** Puts into the audit trail how a request went. */
  const record = (
    { answer, server, session }: Exchange,
    request: ClientMessage.Request,
    started: number,
    exit: Exit.Exit<Uint8Array, ProxyError>
  ): Effect.Effect<void> =>
    CallRecord.isRecorded(request)
      ? Effect.flatMap(Clock.currentTimeMillis, (ended) =>
          audit.record(
            CallRecord.make({ session, request, started, ended, server, answer, exit, argumentsOf: audit.argumentsOf })
          )
        )
      : Effect.void

  // A client that hears nothing at all may take us for dead; a stream, once open, says at least that we live.
  const unanswered = new Map<ReplyChannel, number>()
  yield* Effect.sync(() => {
    for (const [channel, seconds] of unanswered) {
      if (seconds >= SILENT_SECONDS) channel.stream()
      unanswered.set(channel, seconds + 1)
    }
  }).pipe(Effect.repeat(Schedule.spaced("1 second")), Effect.forkScoped)

  return Proxy.of({
    idle: FiberSet.awaitEmpty(calls),
    abort: FiberSet.clear(calls),
    accept: (session, request, channel) =>
      Effect.map(Clock.currentTimeMillis, (started) => {
        unanswered.set(channel, 0)
        const exchange = new Exchange(session, request, channel)
        const fiber = fork(
          handle(exchange, request).pipe(
            Effect.scoped,
            Effect.onExit((exit) =>
              Effect.flatMap(answerFor(request, exit), (message) => {
                session.calls.delete(request.requestId)
                unanswered.delete(channel)
                channel.answer(message)
                return record(exchange, request, started, exit)
              })
            ),
            // The client has been told, and so has the trail.
            Effect.ignore,
            Effect.annotateLogs({ principal: session.caller.principal.displayName, request: request.requestId })
          )
        )
        if (fiber.pollUnsafe() === undefined) {
          session.calls.set(request.requestId, { cancel: () => fiber.interruptUnsafe() })
        }
      })
  })
})

export const layer: Layer.Layer<Proxy, never, Audit | Fleet | Catalog | Sessions> = Layer.effect(Proxy, make)
