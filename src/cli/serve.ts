/** `serve`: run the proxy until it is told to stop. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { AccessPolicy } from "../access/AccessPolicy.ts"
import * as Exposure from "../auth/Exposure.ts"
import * as ConfigFile from "../config/ConfigFile.ts"
import type { GatewayConfig } from "../domain/ServerConfig.ts"
import { Fleet } from "../fleet/Fleet.ts"
import * as Gateway from "../gateway/Gateway.ts"
import { Address, type AddressOptions, endpointUrl } from "../http/Address.ts"
import * as ClientLines from "../http/ClientLines.ts"
import { Draining } from "../http/Draining.ts"
import { isLoopback } from "../http/Guard.ts"
import * as Listener from "../http/Listener.ts"
import * as Server from "../http/Server.ts"
import { logger } from "../observability/Logging.ts"
import { DESCRIPTION } from "../observability/Version.ts"
import * as Remnants from "../settings/Remnants.ts"
import { SettingsError } from "../settings/Settings.ts"
import type { AllSettings } from "./AllSettings.ts"
import * as Host from "./Host.ts"

const log = logger("main")

/** Says, once every server has been tried, what there is. */
const summarize = Effect.gen(function* () {
  const fleet = yield* Fleet
  const upstreams = fleet.config.servers.flatMap(({ id }) => fleet.shared(id) ?? [])
  yield* Effect.forEach(upstreams, (upstream) => upstream.settled, { concurrency: "unbounded", discard: true })
  const states = upstreams.map(({ state }) => SubscriptionRef.getUnsafe(state))
  const ready = states.filter(({ status }) => status._tag === "Ready")
  const tools = ready.reduce((sum, { catalogue }) => sum + catalogue.lists.tools.length, 0)
  yield* log.info(`${ready.length} of ${states.length} servers are ready, with ${tools} tools`)
})

const announce = Effect.fnUntraced(function* (address: AddressOptions) {
  const url = endpointUrl(address)
  yield* log.info(`MCP Proxy Server ${DESCRIPTION} serves ${url} (listening on ${address.host}:${address.port})`)
  yield* log.info(`Claude Code: ${ClientLines.claudeCode(url)}`)
  yield* log.info(`Other clients: ${ClientLines.json(url)}`)
})

/** Serves a configuration until interrupted. `afterwards` runs once requests are served. */
export const run = Effect.fnUntraced(function* <E, R, E2>(options: {
  readonly settings: AllSettings
  readonly config: GatewayConfig
  readonly address: AddressOptions
  readonly access: Layer.Layer<AccessPolicy, E2>
  /** Wait for a busy port, as after a restart. */
  readonly waitForPort: boolean
  readonly afterwards: Effect.Effect<void, E, R>
}) {
  const { access, address, afterwards, config, settings, waitForPort } = options
  // The socket first: where it cannot be had, nothing else need be started.
  const server = Server.layer(settings.http).pipe(
    Layer.provideMerge(Gateway.layer(config)),
    Layer.provide(Layer.merge(Host.durable(settings), access)),
    Layer.provide(Host.platform(settings, settings.gateway.listWait)),
    Layer.provide(Layer.merge(Draining.layer, Layer.succeed(Address, address))),
    Layer.provide(Listener.layer({ host: address.host, port: address.port, wait: waitForPort }))
  )
  const running = afterwards.pipe(Effect.andThen(Effect.forkScoped(summarize)), Effect.andThen(Effect.never))
  return yield* Effect.scoped(Effect.provide(running, server))
})

/** Runs until interrupted. Fails where the environment or the configuration file cannot be meant. */
export const serve = Effect.fnUntraced(function* (settings: AllSettings) {
  const { auth, http } = settings
  const exposure = Exposure.decide(auth, { host: http.host, baseUrl: http.baseUrl, port: http.port, isLoopback })
  if (Result.isFailure(exposure)) return yield* new SettingsError({ problems: exposure.failure })
  for (const warning of yield* Remnants.warnings) yield* log.warning(warning)
  if (settings.config.liveReload) {
    yield* log.warning("MCP_LIVE_RELOAD is not used yet: restart the proxy after changing its configuration.")
  }
  const loaded = yield* Host.loadConfig(settings)
  yield* ConfigFile.logRemarks(loaded)
  if (settings.config.strict) yield* ConfigFile.requireAll(loaded.path, loaded)
  const { baseUrl, host, warning } = exposure.success
  const address: AddressOptions = { host, port: http.port, baseUrl, pathPrefix: http.pathPrefix }
  const afterwards = Effect.andThen(log.warning(warning), announce(address))
  const access = Host.access(settings)
  return yield* run({ settings, config: loaded.config, address, access, waitForPort: true, afterwards })
})
