/** The one way through: route -> borrow -> call -> names restored -> answer. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import { Audit } from "../access/Audit.ts"
import type { Request } from "../domain/ClientMessage.ts"
import type { Headers } from "../domain/Era.ts"
import {
  BadParams,
  Cancelled,
  HeaderMismatch,
  type LimitReached,
  MissingCapability,
  type ProxyError,
  UnknownMethod
} from "../domain/Errors.ts"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import * as ParamHeaders from "../domain/ParamHeaders.ts"
import { CODE } from "../domain/Protocol.ts"
import * as ResourceUri from "../domain/ResourceUri.ts"
import type { GatewayConfig, ServerConfig } from "../domain/ServerConfig.ts"
import type { ServerId } from "../domain/ServerId.ts"
import { Slots } from "../domain/Slots.ts"
import type { Entry } from "../domain/View.ts"
import * as Translate from "../domain/Translate.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import type { RootKey } from "../keys/RootKey.ts"
import { logger } from "../observability/Logging.ts"
import { CurrentSpan, Tracing } from "../observability/Tracing.ts"
import * as Vital from "../observability/Vital.ts"
import type { Upstream } from "../upstream/Upstream.ts"
import { Behaviour } from "./Behaviour.ts"
import * as CallMetrics from "./CallMetrics.ts"
import * as CallRecord from "./CallRecord.ts"
import * as CallSpan from "./CallSpan.ts"
import * as Conclusions from "./Conclusions.ts"
import * as Discover from "./Discover.ts"
import type { Conclusion, Exchange, Rename } from "./Exchange.ts"
import * as InputRequired from "./InputRequired.ts"
import { Admission, Limits } from "./Limits.ts"
import * as Lists from "./Lists.ts"
import * as Outbound from "./Outbound.ts"
import { Parking } from "./Parking.ts"
import { mayVisit } from "./Questions.ts"
import * as Rounds from "./Rounds.ts"
import * as Router from "./Router.ts"
import type { Session } from "./Session.ts"
import * as SessionState from "./SessionState.ts"
import type { Sessions } from "./Sessions.ts"
import * as Tasks from "./Tasks.ts"
import { Underway } from "./Underway.ts"
import * as Watching from "./Watching.ts"

const log = logger("gateway")

/** The gateway for its clients' requests, whoever carries them here. */
export class Proxy extends Context.Service<
  Proxy,
  {
    /** Takes a call on, at once. It goes on by itself, whatever becomes of who made it; the exchange hears how it ended. */
    readonly accept: (exchange: Exchange) => void
    /** Waits until no call is in flight. */
    readonly idle: Effect.Effect<void>
    /** Cancels all calls in flight; each is answered as cancelled. */
    readonly abort: Effect.Effect<void>
  }
>()("mcp-proxy/gateway/Proxy") {}

/** Is it the server's word that there is no such resource? Revisions and servers differ in how they say it. */
const saysUnknown = (frame: Frame.Frame): boolean => {
  const code = Frame.errorCode(frame)
  return code === CODE.resourceNotFound || code === CODE.invalidParams
}

/** Methods that only one era has. */
const ONLY: ReadonlyMap<string, Exchange["era"]> = new Map([
  ["ping", "legacy"],
  ["logging/setLevel", "legacy"],
  ["resources/subscribe", "legacy"],
  ["resources/unsubscribe", "legacy"],
  ["server/discover", "modern"]
])

const DONE = [Json.utf8("{}")]

const make = Effect.gen(function* () {
  const audit = yield* Audit
  const tracer = yield* Tracing
  const parking = yield* Parking
  const limits = yield* Limits
  const fleet = yield* Fleet
  const catalog = yield* Catalog
  const { listWait } = yield* Behaviour
  const lists = yield* Lists.make(listWait, () => fleet.config().pageSize)
  const discover = yield* Discover.make
  const router = yield* Router.make
  const tasks = yield* Tasks.make
  const state = yield* SessionState.make(router)
  const calls = yield* Underway.make
  const context = yield* Effect.context<never>()
  const runFork = Effect.runForkWith(context)
  const clock = yield* Clock.Clock

  const renamer = ({ endpoint }: Exchange["requester"], server: ServerId): Rename =>
    catalog.scheme(endpoint).uris === "prefixed" ? (uri) => ResourceUri.toPublic(server, uri) : undefined

  let known: { readonly of: GatewayConfig; readonly servers: ReadonlyMap<ServerId, ServerConfig> } | undefined
  /** A server as it is configured now, whatever its connection was opened with. */
  const configOf = (server: ServerId): ServerConfig | undefined => {
    const config = fleet.config()
    if (known?.of !== config) known = { of: config, servers: new Map(config.servers.map((one) => [one.id, one])) }
    return known.servers.get(server)
  }

  /** Gives a call its place once its turn has come. It is left when the call ends. */
  const admit = (exchange: Exchange, server: ServerId): Effect.Effect<void, LimitReached> => {
    const config = configOf(server)
    if (config === undefined) return Effect.void
    const admission = limits.enter(config, exchange.requester.owner, CallRecord.sizeOf(exchange.request))
    if (!(admission instanceof Admission)) return Effect.fail(admission)
    exchange.admission = admission
    return admission.place.isWaiting ? limits.turn(admission, config) : Effect.void
  }

  const borrow = (exchange: Exchange, server: ServerId): Effect.Effect<Upstream["Service"], ProxyError> => {
    const { logLevel, requester, session } = exchange
    exchange.use = fleet.begin(server)
    if (exchange.use === undefined) return Effect.flatMap(fleet.opened(server), () => borrow(exchange, server))
    return Effect.flatMapEager(exchange.use.connection(requester.caller), (upstream) => {
      if (session !== undefined) return Effect.mapEager(state.prepare(session, upstream), () => upstream)
      return logLevel === undefined ? Effect.succeed(upstream) : Effect.as(upstream.setLogLevel(logLevel), upstream)
    })
  }

  /** Answers that a session of a legacy client's be told, or no longer be told, of changes of a resource. */
  const subscription = Effect.fnUntraced(function* (
    session: Session,
    exchange: Exchange,
    upstream: Upstream["Service"],
    own: string
  ): Effect.fn.Return<Conclusion | undefined, ProxyError> {
    const uri = String(exchange.request.params?.get("uri"))
    const isModern = (yield* Watching.eraOf(upstream)) === "modern"
    if (exchange.request.method === "resources/subscribe") {
      if (!isModern) return undefined
      upstream.watch(own, session.key)
      yield* state.watched(session, uri)
      return Conclusions.result(DONE)
    }
    yield* state.unwatched(session, uri)
    // Others on the connection may be watching still.
    return upstream.unwatch(own, session.key) && !isModern ? undefined : Conclusions.result(DONE)
  })

  /** Sends a request to its server, and gives back the answer under the client's names. */
  const forward = Effect.fnUntracedEager(function* (
    exchange: Exchange,
    { overrides, server, tool, unknown }: Router.Route
  ): Effect.fn.Return<Conclusion, ProxyError> {
    const { headers, request, requester, session } = exchange
    exchange.server = server
    exchange.tool = tool?.original
    if (exchange.era === "modern" && tool !== undefined) yield* requireMirrored(headers, tool, request)
    yield* admit(exchange, server)
    const upstream = yield* borrow(exchange, server)
    const rename = renamer(requester, server)
    const own = overrides["uri"]
    const isSubscription = session !== undefined && ONLY.has(request.method) && typeof own === "string"
    if (isSubscription) {
      const done = yield* subscription(session, exchange, upstream, own)
      if (done !== undefined) return done
    }
    if (exchange.era === "modern" && request.params?.get("requestState") !== undefined) {
      yield* requireModern(upstream)
    }
    const handlers = exchange.handlers(rename, (message) => calls.add(runFork(upstream.notify(message))))
    const call = (more?: Readonly<Record<string, unknown>>) =>
      CallSpan.asking(exchange, upstream, overrides["name"], (span) =>
        upstream.call(
          Outbound.outgoing(exchange, more === undefined ? overrides : { ...overrides, ...more }, span?.context),
          handlers
        )
      )
    const first = yield* call()
    const isAsked = exchange.era === "legacy" && Rounds.asks(first)
    const answered = isAsked ? yield* Rounds.play(server, first, call, handlers) : first
    exchange.answer = answered.frame
    if (unknown !== undefined && saysUnknown(answered.frame)) return yield* unknown
    if (isSubscription && request.method === "resources/subscribe" && answered.frame.error === undefined) {
      upstream.watch(own, session.key)
      yield* state.watched(session, String(request.params?.get("uri")))
    }
    if (answered.era === "modern" && exchange.era === "modern" && Tasks.mayName(request.method, answered.frame)) {
      const edits = yield* tasks.edits(requester, request, server, answered.frame)
      return Conclusions.forwarded(exchange, answered, { rename, more: edits })
    }
    const urls = exchange.era === "modern" ? Translate.urlsToVisit(answered.frame) : undefined
    return urls === undefined
      ? Conclusions.forwarded(exchange, answered, { rename, tool })
      : yield* visitFirst(exchange, urls)
  })

  /** A legacy server wants URLs visited before it is called again: nothing is parked, the client is to call again. */
  const visitFirst = Effect.fnUntraced(function* (
    { request, requester }: Exchange,
    urls: ReadonlyArray<Uint8Array>
  ): Effect.fn.Return<Conclusion, ProxyError> {
    if (!mayVisit(requester.caller.capabilities))
      return yield* new MissingCapability({ needed: { elicitation: { url: {} } } })
    const state = yield* parking.again(requester, request)
    const named = urls.map((url, index) => [`q${index + 1}`, url] as const)
    return { under: (id) => InputRequired.resultOf(id, named, state), status: 200 }
  })

  /** A tool that has headers mirror its arguments is called with those headers (transports/streamable-http). */
  const requireMirrored = Effect.fnUntracedEager(function* (headers: Headers, tool: Entry, { params }: Request) {
    const declared = ParamHeaders.ofTool(tool)
    // Most tools have none, and large arguments are not parsed for nothing.
    if (typeof declared === "string" || declared.length === 0) return
    const reason = ParamHeaders.mismatch(declared, headers, params?.get("arguments"))
    if (reason !== undefined) return yield* new HeaderMismatch({ reason })
  })

  /** A state that is none of ours can only be a modern server's own. */
  const requireModern = Effect.fnUntraced(function* (upstream: Upstream["Service"]) {
    if ((yield* Watching.eraOf(upstream)) === "modern") return
    return yield* new BadParams({ reason: "requestState: it was not given out here, or not for this server" })
  })

  const handle = (exchange: Exchange): Effect.Effect<Conclusion, ProxyError> => {
    const { request, requester, session } = exchange
    const { method } = request
    const kind = Lists.kindOf(method)
    if (kind !== undefined) return Effect.mapEager(lists.answer(exchange, kind), Conclusions.result)
    if ((ONLY.get(method) ?? exchange.era) !== exchange.era) return Effect.fail(new UnknownMethod({ method }))
    if (method === "ping") return Effect.succeed(Conclusions.result(DONE))
    if (method === "server/discover") return Effect.map(discover(requester), Conclusions.result)
    if (method === "logging/setLevel" && session !== undefined) {
      return Effect.map(state.setLogLevel(session, request), Conclusions.result)
    }
    const route =
      Tasks.concerns(method) && exchange.era === "modern"
        ? tasks.route(requester, request)
        : router.route(requester, request, () => lists.patience(requester))
    if (route === undefined) return Effect.fail(new UnknownMethod({ method }))
    return Effect.flatMapEager(route, (found) => forward(exchange, found))
  }

  const conclusionOf = (
    { era, request }: Exchange,
    { cause }: Exit.Failure<Conclusion, ProxyError>
  ): Effect.Effect<Conclusion> => {
    const failure = Cause.findErrorOption(cause)
    if (Option.isSome(failure)) return Effect.succeed(Conclusions.proxyError(era, failure.value))
    if (Cause.hasInterrupts(cause)) return Effect.succeed(Conclusions.proxyError(era, new Cancelled()))
    const error = { code: CODE.internalError, message: "Internal error; the proxy's log says more" }
    return Effect.as(log.error(`${request.method} failed unexpectedly`, {}, cause), Conclusions.failure(era, error))
  }

  // A client that hears nothing at all may take us for dead; a stream, once open, says at least that we live.
  const unanswered = new Slots<{ readonly exchange: Exchange; seconds: number }>()
  const metrics = yield* CallMetrics.make(() => unanswered.size)

  /** Counts a request, and puts into the audit trail how it went; and into the log, for who looks closely, why it failed. */
  const record = (
    exchange: Exchange,
    started: number,
    exit: Exit.Exit<unknown, ProxyError>,
    bytesOut: number | undefined
  ): Effect.Effect<void> => {
    const ended = clock.currentTimeMillisUnsafe()
    const { answer, request, server, tool } = exchange
    const how = CallRecord.result(exit, answer)
    const { outcome } = how
    const failure = Exit.isSuccess(exit) ? undefined : CallRecord.failureOf(exit)
    const millis = ended - started
    metrics.finished({ server: server ?? how.server, method: request.method, tool, outcome, failure, millis })
    if (exchange.span !== undefined) CallSpan.end(exchange.span, exchange, how)
    if (!CallRecord.isRecorded(request)) return Effect.void
    const { argumentsOf } = audit
    const recorded = audit.record(CallRecord.make({ exchange, started, ended, exit, bytesOut, argumentsOf }, how))
    return how.detail === undefined
      ? recorded
      : Effect.andThen(log.debug(`${request.method} failed: ${how.detail}`, { outcome }), recorded)
  }

  /** Tells the client, the metrics and the trail how a call ended. */
  const conclude = (
    exchange: Exchange,
    slot: number,
    started: number,
    exit: Exit.Exit<Conclusion, ProxyError>
  ): Effect.Effect<void> => {
    exchange.use?.end()
    exchange.admission?.leave()
    const tell = (conclusion: Conclusion): Effect.Effect<void> => {
      unanswered.take(slot)
      return record(exchange, started, exit, exchange.ended(conclusion))
    }
    return Exit.isSuccess(exit) ? tell(exit.value) : Effect.flatMap(conclusionOf(exchange, exit), tell)
  }

  /** What is known of a call wherever it gets to: by what its log lines are found, and its span. */
  const contextOf = ({ request, requester, span }: Exchange): Context.Context<never> => {
    const named = Context.add(context, References.CurrentLogAnnotations, {
      ...Context.get(context, References.CurrentLogAnnotations),
      principal: requester.caller.principal.displayName,
      request: request.requestId
    })
    return span === undefined ? named : Context.add(named, CurrentSpan, span)
  }

  const reassure = Effect.sync(() => {
    for (const waiting of unanswered) waiting.exchange.reassure(waiting.seconds++)
  })
  yield* Vital.fork("The watch over unanswered calls", Effect.repeat(reassure, Schedule.spaced("1 second")))

  return Proxy.of({
    idle: calls.idle,
    abort: calls.interrupt,
    accept: (exchange) => {
      const started = clock.currentTimeMillisUnsafe()
      const slot = unanswered.put({ exchange, seconds: 0 })
      if (tracer !== undefined && CallRecord.isRecorded(exchange.request)) {
        exchange.span = CallSpan.begin(tracer, exchange)
      }
      const call = Effect.onExit(
        Effect.suspend(() => handle(exchange)),
        (exit) => conclude(exchange, slot, started, exit)
      )
      // The client has been told, and so has the trail.
      const fiber = Effect.runForkWith(contextOf(exchange))(Effect.ignore(call))
      calls.add(fiber)
      if (fiber.pollUnsafe() === undefined) exchange.begun(() => fiber.interruptUnsafe())
    }
  })
})

export const layer: Layer.Layer<Proxy, never, Audit | Fleet | Catalog | Limits | Parking | RootKey | Sessions> =
  Layer.effect(Proxy, make)
