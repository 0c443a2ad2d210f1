/** `serve`: run the proxy until it is told to stop. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import * as Exposure from "../auth/Exposure.ts"
import type { IdentityProvider } from "../auth/IdentityProvider.ts"
import * as KeyChange from "../auth/KeyChange.ts"
import * as MachineCredentials from "../auth/MachineCredentials.ts"
import * as Metadata from "../auth/Metadata.ts"
import * as Outgoing from "../auth/providers/Outgoing.ts"
import * as Providers from "../auth/providers/Providers.ts"
import type { Provider } from "../auth/ProviderSettings.ts"
import * as PublicUrl from "../auth/PublicUrl.ts"
import type { Audit } from "../access/Audit.ts"
import * as ConfigFile from "../config/ConfigFile.ts"
import * as ConfigSource from "../config/ConfigSource.ts"
import * as Catalogue from "../domain/Catalogue.ts"
import type { GatewayConfig } from "../domain/ServerConfig.ts"
import { Fleet } from "../fleet/Fleet.ts"
import * as Reload from "../fleet/Reload.ts"
import * as Gateway from "../gateway/Gateway.ts"
import { Address, type AddressOptions, endpointUrl } from "../http/Address.ts"
import * as ClientLines from "../http/ClientLines.ts"
import { Draining } from "../http/Draining.ts"
import { isLoopback } from "../http/Guard.ts"
import * as Listener from "../http/Listener.ts"
import * as SocketActivation from "../http/SocketActivation.ts"
import type { KeySource } from "../keys/KeySource.ts"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"
import { DESCRIPTION } from "../observability/Version.ts"
import * as Remnants from "../settings/Remnants.ts"
import { SettingsError } from "../settings/Settings.ts"
import * as Bounds from "../upstream/Bounds.ts"
import * as AllSettings from "./AllSettings.ts"
import { endStart } from "./bounds.ts"
import * as Host from "./Host.ts"
import { processes } from "./relaunch.ts"
import { keepExchange } from "./shapes.ts"
import * as Served from "./Served.ts"
import { hangups } from "./signals.ts"
import * as Terminal from "./Terminal.ts"
import * as Uncaught from "./Uncaught.ts"

const log = logger("main")

/** After the start, until whoever waited for it to end has had first answers. */
const CALM = Duration.seconds(1)

/** Waits until every server has been tried. */
export const settled = Effect.gen(function* () {
  const fleet = yield* Fleet
  const upstreams = fleet.config().servers.flatMap(({ id }) => fleet.shared(id) ?? [])
  yield* Effect.forEach(upstreams, (upstream) => upstream.settled, { concurrency: "unbounded", discard: true })
  return upstreams
})

/** Says, once every server has been tried, what there is. */
const summarize = Effect.gen(function* () {
  const upstreams = yield* settled
  const states = upstreams.map(({ state }) => SubscriptionRef.getUnsafe(state))
  const ready = states.filter(({ status }) => status._tag === "Ready")
  const tools = upstreams.reduce(
    (sum, { config, state }) =>
      sum + Catalogue.offered(SubscriptionRef.getUnsafe(state).catalogue.lists, config).tools.length,
    0
  )
  yield* log.info(`${ready.length} of ${states.length} servers are ready, with ${tools} tools`)
})

const announce = Effect.fnUntraced(function* (address: AddressOptions, place: Listener.Place) {
  const url = endpointUrl(address)
  const where = place._tag === "Address" ? `${place.host}:${place.port}` : SocketActivation.show(place.socket)
  yield* log.info(`MCP Proxy Server ${DESCRIPTION} serves ${url} (listening on ${where})`)
  if (place._tag === "Handed") {
    yield* log.info("The socket was handed over (LISTEN_FDS), so MCP_HOST and MCP_PORT are not used")
  }
  yield* log.info(`Claude Code: ${ClientLines.claudeCode(url)}`)
  yield* log.info(`Other clients: ${ClientLines.json(url)}`)
})

/** What has to be set up elsewhere, and who may come in. */
const announceSignIn = Effect.fnUntraced(function* (address: AddressOptions, provider: Provider) {
  const url = PublicUrl.make(address.baseUrl, address.pathPrefix)
  const policy = yield* AccessPolicy
  const fleet = yield* Fleet
  if (provider._tag !== "Demo") {
    yield* log.info(
      `Sign-in with ${provider._tag === "Google" ? "Google" : provider.name}. Its callback URL, to be registered there: ${PublicUrl.of(url, "/auth/callback")}`
    )
  }
  const routes = Metadata.outerRoutes(url)
  if (routes.length > 0) {
    const host = new URL(url.issuer).origin
    yield* log.info(
      `${address.baseUrl} has a path, which an outer proxy has to strip. These, and what is below them, have to reach this proxy too, as they are: ${routes.map((route) => `${host}${route}`).join(", ")}`
    )
  }
  const summary = policy.summary()
  yield* log[summary.level](summary.text)
  for (const remark of policy.remarks(fleet.config().servers.map(({ id }) => id))) yield* log.warning(remark)
})

/** Serves a configuration until interrupted. `afterwards` runs once requests are served. */
export const run = Effect.fnUntraced(function* <E, R, E2>(options: {
  readonly settings: AllSettings.AllSettings
  readonly config: GatewayConfig
  readonly address: AddressOptions
  readonly keys: KeySource
  /** Who signs people in; undefined: nobody, everyone may come. */
  readonly provider: Layer.Layer<IdentityProvider> | undefined
  readonly access: Layer.Layer<AccessPolicy, E2>
  readonly place: Listener.Place
  /** How other configurations are put into force; undefined: never. */
  readonly reload?: Layer.Layer<Reload.Reload, never, Audit | Fleet | FileSystem.FileSystem | Path.Path>
  readonly afterwards: Effect.Effect<void, E, R>
}) {
  const { access, address, afterwards, config, keys, place, provider, reload, settings } = options
  // The socket first: where it cannot be had, nothing else need be started.
  const server = Layer.merge(Served.layer(settings, address, provider), KeyChange.layer).pipe(
    Layer.provideMerge(reload ?? Layer.empty),
    Layer.provideMerge(Gateway.layer(config)),
    Layer.provideMerge(Layer.merge(access, Host.audit(settings))),
    Layer.provide(Host.durable(settings, keys)),
    Layer.provide(Host.platform(settings, settings.gateway.listWait)),
    Layer.provide(Layer.merge(Draining.layer, Layer.succeed(Address, address))),
    Layer.provide(Listener.layer(place, settings.http.stallTime))
  )
  const ended = Effect.flatMap(
    Reload.optional,
    Option.match({ onNone: () => Effect.never, onSome: (found) => found.ended })
  )
  const running = afterwards.pipe(
    Effect.andThen(Effect.forkScoped(summarize)),
    Effect.andThen(Effect.forkScoped(Effect.delay(Effect.sync(endStart), CALM))),
    Effect.andThen(ended)
  )
  yield* Effect.sync(keepExchange)
  // Whoever reads the log may stop doing so; that must not end the proxy.
  yield* Effect.sync(Terminal.mayBeClosed)
  return yield* Effect.scoped(Effect.provide(running, server)).pipe(
    Vital.untilLost,
    (program) =>
      Uncaught.guard(program, ({ cause }) => log.critical("An error that nobody caught", {}, Cause.die(cause))),
    Effect.provide(Host.observed(settings))
  )
})

/** Where a socket that was handed over can be reached. Whoever may open the file of a Unix socket is on this machine. */
const addressOf = ({ address }: SocketActivation.HandedSocket) =>
  address._tag === "Inet" ? address : { host: "localhost", port: undefined }

/** What the settings come to; or all that is wrong with them. */
const decide = (
  { auth, bounds, http, keys, providers }: AllSettings.AllSettings,
  handed: Option.Option<SocketActivation.HandedSocket>
): Result.Result<Exposure.Exposure, SettingsError> => {
  const decided = Exposure.decide(auth, {
    host: http.host,
    baseUrl: http.baseUrl,
    pathPrefix: http.pathPrefix,
    port: http.port,
    handed: Option.getOrUndefined(Option.map(handed, addressOf)),
    isLoopback,
    providers,
    keys
  })
  const further = Bounds.problems(bounds)
  if (Result.isFailure(decided)) return Result.fail(new SettingsError({ problems: [...decided.failure, ...further] }))
  return further.length > 0 ? Result.fail(new SettingsError({ problems: further })) : Result.succeed(decided.success)
}

/** Runs until interrupted. Fails where the environment or the configuration file cannot be meant. */
export const serve = Effect.fnUntraced(function* (settings: AllSettings.AllSettings) {
  const handed = yield* SocketActivation.take(processes())
  const { baseUrl, host, keys, mode, warnings } = yield* Effect.fromResult(decide(settings, handed))
  for (const warning of yield* Remnants.warnings) yield* log.warning(warning)
  const loaded = yield* Host.loadConfig(settings)
  yield* ConfigFile.logRemarks(loaded)
  if (settings.config.strict) yield* ConfigFile.requireAll(loaded.path, loaded)
  const { pathPrefix, port } = settings.http
  const address: AddressOptions = { host, port, baseUrl, pathPrefix }
  const place: Listener.Place = Option.match(handed, {
    onNone: () => ({ _tag: "Address", host, port, wait: true }),
    onSome: (socket) => ({ _tag: "Handed", socket })
  })
  const said = [...warnings, ...(mode._tag === "None" ? MachineCredentials.unused(settings.machines) : [])]
  const afterwards = Effect.forEach(said, (warning) => log.warning(warning), { discard: true }).pipe(
    Effect.andThen(announce(address, place)),
    Effect.andThen(mode._tag === "None" ? Effect.void : announceSignIn(address, mode.provider))
  )
  const access = Host.access(settings)
  const provider = mode._tag === "None" ? undefined : Providers.layer(mode.provider).pipe(Layer.provide(Outgoing.layer))
  const source = ConfigSource.layer({
    source: yield* Host.configSource(settings),
    strict: settings.config.strict,
    initial: loaded,
    settings: AllSettings.names
  })
  const reload = Reload.layer({
    mode: Option.getOrElse(settings.config.reloadMode, () => "in-process" as const),
    isLive: settings.config.liveReload,
    triggers: hangups
  }).pipe(Layer.provide(source))
  return yield* run({
    settings,
    config: loaded.config,
    address,
    keys,
    provider,
    access,
    place,
    reload,
    afterwards
  })
})
