/** What every command that runs servers needs beneath it: platform, keys, state, and the configuration file. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as AccessPolicy from "../access/AccessPolicy.ts"
import * as Audit from "../access/Audit.ts"
import * as AuditTrail from "../access/AuditTrail.ts"
import * as Outgoing from "../auth/providers/Outgoing.ts"
import * as ConfigFile from "../config/ConfigFile.ts"
import { ByteBudget } from "../domain/ByteBudget.ts"
import { Drain } from "../fleet/FleetSettings.ts"
import { Behaviour } from "../gateway/Behaviour.ts"
import { StreamBounds } from "../gateway/EventLogs.ts"
import * as Limits from "../gateway/Limits.ts"
import * as Parking from "../gateway/Parking.ts"
import { SessionBounds } from "../gateway/Sessions.ts"
import { Rate } from "../http/OwnerRate.ts"
import * as KeySource from "../keys/KeySource.ts"
import { RootKey } from "../keys/RootKey.ts"
import * as Metrics from "../observability/Metrics.ts"
import * as ProcessMetrics from "../observability/ProcessMetrics.ts"
import * as Telemetry from "../observability/Telemetry.ts"
import { DataDirectory, type DataDirectoryError } from "../storage/DataDirectory.ts"
import * as SqliteStore from "../storage/SqliteStore.ts"
import * as Store from "../storage/Store.ts"
import { Buffers, MaxMessage } from "../upstream/Bounds.ts"
import { HttpAgent } from "../upstream/HttpAgent.ts"
import { Reaper } from "../upstream/Reaper.ts"
import * as Supervisor from "../upstream/Supervisor.ts"
import type { AllSettings } from "./AllSettings.ts"
import { collectSeldom } from "./bounds.ts"

/** The share of what may be held up to which little is. */
const LITTLE = 1 / 32

const buffersOf = (limit: number): ByteBudget =>
  new ByteBudget(limit, { bytes: limit * LITTLE, crossed: (isAbove) => collectSeldom(!isAbove) })

/** How much there may be of anything. */
export const bounds = ({ bounds, calls, parking, rate, sessions, streams }: AllSettings) =>
  Layer.mergeAll(
    Layer.succeed(MaxMessage, bounds.maxMessage),
    Layer.sync(Buffers, () => buffersOf(bounds.bufferBytes)),
    Layer.succeed(Limits.PerOwner, calls),
    Layer.succeed(SessionBounds, sessions),
    Layer.succeed(StreamBounds, streams),
    Layer.succeed(Parking.Bounds, parking),
    Layer.succeed(Rate, rate)
  )

/** How upstream servers are run; `listWait` is how long a first list waits for them. */
export const platform = (settings: AllSettings, listWait: Duration.Duration) =>
  Layer.mergeAll(
    HttpAgent.layer,
    Reaper.layer,
    Layer.succeed(Supervisor.Defaults, { restartDelay: settings.upstream.restartDelay }),
    Layer.succeed(Behaviour, { listWait }),
    Layer.succeed(Drain, settings.fleet.drain)
  ).pipe(Layer.provideMerge(bounds(settings)), Layer.provideMerge(NodeServices.layer))

/** State in the data directory, and keys: there too, unless the settings have them from elsewhere. */
export const durable = (settings: AllSettings, keys: KeySource.KeySource) =>
  Layer.unwrap(
    Effect.map(DataDirectory, ({ file }) =>
      Layer.merge(KeySource.layer(keys, file("key")), SqliteStore.layer(file("state.db")))
    )
  ).pipe(Layer.provide(DataDirectory.layer(settings.storage.dataDirectory)), Layer.provide(NodeServices.layer))

/** Who may do what, as the environment and users.json say. */
export const access = (settings: AllSettings) =>
  AccessPolicy.layer(settings.access, settings.storage.dataDirectory).pipe(Layer.provide(NodeServices.layer))

/** The audit trail's file in the data directory. */
export const AUDIT_DATABASE = "audit.db"

/** Who did what, kept in the data directory unless the settings would have none. */
export const audit = (settings: AllSettings): Layer.Layer<Audit.Audit, DataDirectoryError> =>
  settings.audit.enabled
    ? Layer.unwrap(
        Effect.map(DataDirectory, ({ file }) =>
          AuditTrail.layer({ settings: settings.audit, database: file(AUDIT_DATABASE) })
        )
      ).pipe(Layer.provide(DataDirectory.layer(settings.storage.dataDirectory)), Layer.provide(NodeServices.layer))
    : Audit.layerNone

/** What is seen from outside of all that runs within; telemetry is delivered to its end once that has ended. */
export const observed = ({ log, otel }: AllSettings) =>
  Layer.merge(ProcessMetrics.layer, Telemetry.layer({ settings: otel, log, client: Outgoing.layer })).pipe(
    Layer.provideMerge(Metrics.layer)
  )

/** Keys and state that end with the process, for commands that serve nobody. */
export const ephemeral = Layer.merge(RootKey.layerRandom, Store.layerMemory)

/** Where the configuration file is. In it the data directory has a name, whether or not its variable is set. */
export const configSource = (settings: AllSettings): Effect.Effect<ConfigFile.Source, never, Path.Path> =>
  Effect.map(Path.Path, (paths) => ({
    path: settings.config.path,
    maxRetries: settings.config.maxRetries,
    variables: { MCP_DATA_DIR: paths.resolve(settings.storage.dataDirectory) }
  }))

/** Reads the configuration file. */
export const loadConfig = Effect.fn("Host.loadConfig")(function* (settings: AllSettings) {
  return yield* ConfigFile.load(yield* configSource(settings))
})
