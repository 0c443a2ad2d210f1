/** `serve`: run the proxy until it is told to stop. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Exposure from "../auth/Exposure.ts"
import * as KeyChange from "../auth/KeyChange.ts"
import * as MachineCredentials from "../auth/MachineCredentials.ts"
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
import type { KeySource } from "../keys/KeySource.ts"
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
export const run = Effect.fnUntraced(function* <E, R>(options: {
  readonly settings: AllSettings
  readonly config: GatewayConfig
  readonly address: AddressOptions
  readonly keys: KeySource
  /** Wait for a busy port, as after a restart. */
  readonly waitForPort: boolean
  readonly afterwards: Effect.Effect<void, E, R>
}) {
  const { address, afterwards, config, keys, settings, waitForPort } = options
  // The socket first: where it cannot be had, nothing else need be started.
  const server = Layer.merge(Server.layer(settings.http), KeyChange.layer).pipe(
    Layer.provideMerge(Gateway.layer(config)),
    Layer.provide(Host.durable(settings, keys)),
    Layer.provide(Host.platform(settings, settings.gateway.listWait)),
    Layer.provide(Layer.merge(Draining.layer, Layer.succeed(Address, address))),
    Layer.provide(Listener.layer({ host: address.host, port: address.port, wait: waitForPort }))
  )
  const running = afterwards.pipe(Effect.andThen(Effect.forkScoped(summarize)), Effect.andThen(Effect.never))
  return yield* Effect.scoped(Effect.provide(running, server))
})

/** What the settings come to; or all that is wrong with them. */
const decide = ({ auth, http, keys, providers }: AllSettings) =>
  Result.mapError(
    Exposure.decide(auth, {
      host: http.host,
      baseUrl: http.baseUrl,
      pathPrefix: http.pathPrefix,
      port: http.port,
      isLoopback,
      providers,
      keys
    }),
    (problems) => new SettingsError({ problems })
  )

/** Runs until interrupted. Fails where the environment or the configuration file cannot be meant. */
export const serve = Effect.fnUntraced(function* (settings: AllSettings) {
  const { baseUrl, host, keys, mode, warnings } = yield* Effect.fromResult(decide(settings))
  if (mode._tag === "SignIn") {
    // SIGN-IN GOES HERE: the authorization server over auth/providers/Providers.layer(mode.provider), with
    // auth/providers/Outgoing.layer beneath it and MachineCredentials.layer(settings.machines) beside it.
    return yield* new SettingsError({ problems: ["Sign-in is not wired yet: set MCP_AUTH_PROVIDER=none."] })
  }
  for (const warning of yield* Remnants.warnings) yield* log.warning(warning)
  if (settings.config.liveReload) {
    yield* log.warning("MCP_LIVE_RELOAD is not used yet: restart the proxy after changing its configuration.")
  }
  const loaded = yield* Host.loadConfig(settings)
  yield* ConfigFile.logRemarks(loaded)
  if (settings.config.strict) yield* ConfigFile.requireAll(loaded.path, loaded)
  const address: AddressOptions = { host, port: settings.http.port, baseUrl, pathPrefix: settings.http.pathPrefix }
  const said = [...warnings, ...MachineCredentials.unused(settings.machines)]
  const afterwards = Effect.andThen(
    Effect.forEach(said, (warning) => log.warning(warning), { discard: true }),
    announce(address)
  )
  return yield* run({ settings, config: loaded.config, address, keys, waitForPort: true, afterwards })
})
