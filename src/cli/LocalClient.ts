/** A client of a gateway inside this very process: what `tools` and `call` speak through unless they are given a --url. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as AccessPolicy from "../access/AccessPolicy.ts"
import * as Audit from "../access/Audit.ts"
import * as ClientMessage from "../domain/ClientMessage.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import { anonymous } from "../domain/Principal.ts"
import { LATEST_LEGACY } from "../domain/Protocol.ts"
import type { GatewayConfig } from "../domain/ServerConfig.ts"
import type { ServerId } from "../domain/ServerId.ts"
import * as View from "../domain/View.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Streams } from "../gateway/EventLogs.ts"
import * as Gateway from "../gateway/Gateway.ts"
import { Proxy } from "../gateway/Proxy.ts"
import { ReplyChannel } from "../gateway/ReplyChannel.ts"
import { SessionExchange } from "../gateway/SessionExchange.ts"
import { Sessions } from "../gateway/Sessions.ts"
import type { AllSettings } from "./AllSettings.ts"
import { type Client, type Message, parse, RequestFailed, resultOf } from "./Client.ts"
import * as Host from "./Host.ts"

/** The configuration with only these servers, their public names being what they are with all of them. */
export const restrict = (config: GatewayConfig, wanted: (id: ServerId) => boolean): GatewayConfig => ({
  ...config,
  servers: config.servers.filter(({ id }) => wanted(id)),
  naming: View.schemeFor(config.naming, config.servers.length).names === "prefixed" ? "always" : config.naming
})

/** A gateway for this process alone. First lists wait until every server has been tried. */
const layer = (settings: AllSettings, config: GatewayConfig) =>
  Gateway.layer(config).pipe(
    Layer.provide(Layer.mergeAll(Host.ephemeral, AccessPolicy.layerEveryone, Audit.layerNone)),
    Layer.provide(Host.platform(settings, Duration.minutes(10)))
  )

/** Fails if no server at all is up: then an empty list would be a lie. */
const requireSomeServer = Effect.gen(function* () {
  const fleet = yield* Fleet
  const { servers } = fleet.config()
  const upstreams = servers.flatMap(({ id }) => fleet.shared(id) ?? [])
  yield* Effect.forEach(upstreams, ({ settled }) => settled, { concurrency: "unbounded", discard: true })
  const states = upstreams.map(({ state }) => SubscriptionRef.getUnsafe(state).status)
  if (states.some(({ _tag }) => _tag === "Ready")) return
  const reasons = servers.map(({ id }, index) => {
    const status = states[index]
    return `  ${id}: ${status !== undefined && "reason" in status ? status.reason : "not ready"}`
  })
  return yield* new RequestFailed({ method: "connect", reason: `No server is ready:\n${reasons.join("\n")}` })
})

/** A session of this process's. */
const connect = Effect.gen(function* () {
  const sessions = yield* Sessions
  const proxy = yield* Proxy
  const streams = yield* Streams
  const session = yield* Effect.orDie(
    sessions.begin({
      principal: anonymous,
      endpoint: { _tag: "All" },
      revision: LATEST_LEGACY,
      client: { name: "command line" },
      capabilities: {}
    })
  )
  let lastId = 0

  const request = Effect.fnUntraced(function* (
    method: string,
    params: Message,
    heard: (message: Message) => void = () => {}
  ) {
    const id = ++lastId
    const message = { jsonrpc: "2.0", id, method, params: { ...params, _meta: { progressToken: id } } }
    const body = ClientMessage.read(Json.encode(message))
    if (body._tag !== "Request") return yield* new RequestFailed({ method, reason: "The parameters are not usable" })
    const channel = new ReplyChannel({
      logs: streams,
      session: session.key,
      owner: session.owner,
      request: id,
      revision: session.caller.revision,
      acceptsStream: true
    })
    proxy.accept(new SessionExchange(session, body, channel, {}))
    const reply = yield* channel.reply
    const answer = yield* Deferred.make<Message>()
    const take = (message: Message) =>
      message["id"] === id ? Deferred.succeed(answer, message) : Effect.sync(() => heard(message))
    if (reply._tag === "Json") yield* take(parse(Pieces.join(reply.body)))
    else {
      yield* Stream.runForEach(reply.log.read(0) ?? Stream.empty, (delivery) =>
        delivery._tag === "Events"
          ? Effect.forEach(delivery.events, ({ message }) => take(parse(message)), { discard: true })
          : Effect.void
      )
    }
    return yield* resultOf(method, yield* Deferred.await(answer))
  })

  return { request } satisfies Client
})

/** Runs with a client of the servers of a configuration, once each of them has been tried. */
export const use = <A, E, R>(
  settings: AllSettings,
  config: GatewayConfig,
  run: (client: Client) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(
    Effect.provide(Effect.flatMap(Effect.andThen(requireSomeServer, connect), run), layer(settings, config))
  )
