/** What every command that runs servers needs beneath it: platform, keys, state, and the configuration file. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Audit from "../access/Audit.ts"
import * as ConfigFile from "../config/ConfigFile.ts"
import { Behaviour } from "../gateway/Proxy.ts"
import { RootKey } from "../keys/RootKey.ts"
import { DataDirectory } from "../storage/DataDirectory.ts"
import * as SqliteStore from "../storage/SqliteStore.ts"
import * as Store from "../storage/Store.ts"
import { HttpAgent } from "../upstream/HttpAgent.ts"
import { Reaper } from "../upstream/Reaper.ts"
import * as Supervisor from "../upstream/Supervisor.ts"
import type { AllSettings } from "./AllSettings.ts"

/** How upstream servers are run; `listWait` is how long a first list waits for them. */
export const platform = (settings: AllSettings, listWait: Duration.Duration) =>
  Layer.mergeAll(
    HttpAgent.layer,
    Reaper.layer,
    Layer.succeed(Supervisor.Defaults, { restartDelay: settings.upstream.restartDelay }),
    Layer.succeed(Behaviour, { listWait })
  ).pipe(Layer.provideMerge(NodeServices.layer))

/** The file of the audit trail in the data directory. */
export const AUDIT_FILE = "audit.db"

/** Keys, state and audit trail in the data directory. */
export const durable = (settings: AllSettings) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { file } = yield* DataDirectory
      const path = yield* Path.Path
      const lines = Option.map(settings.audit.path, (relative) => path.resolve(relative))
      return Layer.mergeAll(
        RootKey.layerFile(file("key")),
        SqliteStore.layer(file("state.db")),
        Audit.layer(settings.audit, { database: file(AUDIT_FILE), lines: Option.getOrUndefined(lines) })
      )
    })
  ).pipe(Layer.provide(DataDirectory.layer(settings.storage.dataDirectory)), Layer.provide(NodeServices.layer))

/** Keys and state that end with the process, for commands that serve nobody. */
export const ephemeral = Layer.merge(RootKey.layerRandom, Store.layerMemory)

/** Reads the configuration file. In it the data directory has a name, whether or not its variable is set. */
export const loadConfig = Effect.fn("Host.loadConfig")(function* (settings: AllSettings) {
  const paths = yield* Path.Path
  return yield* ConfigFile.load({
    path: settings.config.path,
    maxRetries: settings.config.maxRetries,
    variables: { MCP_DATA_DIR: paths.resolve(settings.storage.dataDirectory) }
  })
})
