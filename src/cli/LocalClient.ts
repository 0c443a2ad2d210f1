/** A client of a gateway inside this very process: what `tools` and `call` speak through. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as ClientMessage from "../domain/ClientMessage.ts"
import * as Json from "../domain/Json.ts"
import { anonymous } from "../domain/Principal.ts"
import { LATEST_LEGACY } from "../domain/Protocol.ts"
import type { GatewayConfig } from "../domain/ServerConfig.ts"
import { ServerId } from "../domain/ServerId.ts"
import * as View from "../domain/View.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Streams } from "../gateway/EventLog.ts"
import * as Gateway from "../gateway/Gateway.ts"
import { Proxy } from "../gateway/Proxy.ts"
import { ReplyChannel } from "../gateway/ReplyChannel.ts"
import { Sessions } from "../gateway/Sessions.ts"
import type { AllSettings } from "./AllSettings.ts"
import * as Host from "./Host.ts"

/** The gateway, or the server behind it, answered with an error. */
export class RequestFailed extends Schema.TaggedError<RequestFailed>()("RequestFailed", {
  method: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/** A running proxy, or any other Streamable HTTP server, as the only server of a configuration. */
export const remoteConfig = (url: string, token: Redacted.Redacted<string> | undefined): GatewayConfig => ({
  servers: [
    {
      id: ServerId.make(url),
      transport: {
        _tag: "Http",
        url,
        headers: token === undefined ? {} : { authorization: Redacted.make(`Bearer ${Redacted.value(token)}`) }
      },
      isolation: "session",
      enabledTools: undefined,
      disabledTools: [],
      callTimeout: Duration.minutes(5),
      startTimeout: Duration.seconds(30),
      restart: false,
      description: undefined
    }
  ],
  naming: "auto",
  pageSize: 1000,
  maxLanes: undefined,
  laneIdle: Duration.minutes(15)
})

/** The configuration with only these servers, their public names being what they are with all of them. */
export const restrict = (config: GatewayConfig, wanted: (id: ServerId) => boolean): GatewayConfig => ({
  ...config,
  servers: config.servers.filter(({ id }) => wanted(id)),
  naming: View.schemeFor(config.naming, config.servers.length).names === "prefixed" ? "always" : config.naming
})

/** A gateway for this process alone. First lists wait until every server has been tried. */
export const layer = (settings: AllSettings, config: GatewayConfig) =>
  Gateway.layer(config).pipe(
    Layer.provide(Host.ephemeral),
    Layer.provide(Host.platform(settings, Duration.minutes(10)))
  )

/** Fails if no server at all is up: then an empty list would be a lie. */
export const requireSomeServer = Effect.gen(function* () {
  const fleet = yield* Fleet
  const upstreams = fleet.config.servers.flatMap(({ id }) => fleet.shared(id) ?? [])
  yield* Effect.forEach(upstreams, ({ settled }) => settled, { concurrency: "unbounded", discard: true })
  const states = upstreams.map(({ state }) => SubscriptionRef.getUnsafe(state).status)
  if (states.some(({ _tag }) => _tag === "Ready")) return
  const reasons = fleet.config.servers.map(({ id }, index) => {
    const status = states[index]
    return `  ${id}: ${status !== undefined && "reason" in status ? status.reason : "not ready"}`
  })
  return yield* new RequestFailed({ method: "connect", reason: `No server is ready:\n${reasons.join("\n")}` })
})

/** One message of the gateway's, parsed. */
type Message = Readonly<Record<string, unknown>>

const parse = (bytes: Uint8Array): Message => {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString())
  return Predicate.isReadonlyObject(value) ? (value as Message) : {}
}

/** A session of this process's. `request` gives the result; what is said meanwhile goes to `onNotification`. */
export const connect = Effect.gen(function* () {
  const sessions = yield* Sessions
  const proxy = yield* Proxy
  const streams = yield* Streams
  const session = yield* Effect.orDie(
    sessions.begin({
      principal: anonymous,
      endpoint: { _tag: "All" },
      revision: LATEST_LEGACY,
      client: "command line",
      capabilities: {}
    })
  )
  let lastId = 0

  const request = Effect.fnUntraced(function* (
    method: string,
    params: Readonly<Record<string, unknown>>,
    onNotification: (message: Message) => Effect.Effect<void> = () => Effect.void
  ) {
    const id = ++lastId
    const body = ClientMessage.read(Json.encode({ jsonrpc: "2.0", id, method, params }))
    if (body._tag !== "Request") return yield* new RequestFailed({ method, reason: "The parameters are not usable" })
    const channel = new ReplyChannel({
      logs: streams,
      session: session.caller.session,
      request: String(id),
      revision: session.caller.revision,
      acceptsStream: true
    })
    yield* proxy.accept(session, body, channel)
    const reply = yield* channel.reply
    const answer = yield* Deferred.make<Message>()
    const take = (message: Message) =>
      message["id"] === id ? Deferred.succeed(answer, message) : onNotification(message)
    if (reply._tag === "Json") yield* take(parse(reply.body))
    else {
      yield* Stream.runForEach(reply.log.read(0) ?? Stream.empty, (delivery) =>
        delivery._tag === "Events"
          ? Effect.forEach(delivery.events, ({ message }) => take(parse(message)), { discard: true })
          : Effect.void
      )
    }
    const { error, result } = yield* Deferred.await(answer)
    if (!Predicate.isReadonlyObject(error)) return Predicate.isReadonlyObject(result) ? (result as Message) : {}
    return yield* new RequestFailed({ method, reason: String(error["message"]) })
  })

  return { request }
})
