/** Where the configuration comes from while the proxy runs: the file, the files that it names, and `.env` for its variables. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { createHash } from "node:crypto"
import { logger } from "../observability/Logging.ts"
import * as Settings from "../settings/Settings.ts"
import * as ConfigFile from "./ConfigFile.ts"
import * as FileHints from "./FileHints.ts"

const log = logger("config")

/** The file as it is now. */
export interface Reading {
  readonly loaded: ConfigFile.Loaded
  /** Settings of the proxy itself that `.env` has otherwise than at the start. */
  readonly overdue: ReadonlyArray<string>
}

export interface ConfigSourceOptions {
  readonly source: ConfigFile.Source
  /** Refuse it where a variable is missing. */
  readonly strict: boolean
  /** What the start has read. */
  readonly initial: ConfigFile.Loaded
  /** The names of all settings. */
  readonly settings: ReadonlyArray<string>
}

export class ConfigSource extends Context.Service<
  ConfigSource,
  {
    readonly path: string
    /** Reads all of it anew. */
    readonly read: Effect.Effect<Reading, ConfigFile.ConfigError>
    /** Says, once each, that something of it is another than before. A file that is gone is no change. */
    readonly changes: Stream.Stream<void>
  }
>()("mcp-proxy/config/ConfigSource") {}

/** An editor may write a file in several steps, and others several files. */
const PATIENCE: FileHints.Patience = { quiet: "1 second", poll: "10 seconds" }

const DOT_ENV = ".env"

const make = Effect.fnUntraced(function* ({ initial, settings, source, strict }: ConfigSourceOptions) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const atStart = yield* ConfigProvider.ConfigProvider
  const filesOf = (loaded: ConfigFile.Loaded) => [loaded.path, ...loaded.envFiles, paths.resolve(DOT_ENV)]
  const files = yield* SubscriptionRef.make<ReadonlyArray<string>>(filesOf(initial))
  let wasGone = false

  const valueIn = (provider: ConfigProvider.ConfigProvider, name: string) =>
    Effect.map(
      Effect.orElseSucceed(provider.load([name]), () => undefined),
      (node) => node?.value ?? ""
    )

  const overdueIn = (provider: ConfigProvider.ConfigProvider) =>
    Effect.filter(settings, (name) =>
      Effect.map(Effect.all([valueIn(atStart, name), valueIn(provider, name)]), ([before, now]) => before !== now)
    )

  /** A digest of all that is read; none while the file itself is not there. The texts may hold secrets. */
  const look: Effect.Effect<Option.Option<string>> = Effect.gen(function* () {
    const [own = "", ...others] = SubscriptionRef.getUnsafe(files)
    const text = (file: string) => Effect.map(Effect.result(fs.readFileString(file)), (read) => [file, read] as const)
    const isThere = yield* Effect.orElseSucceed(fs.exists(own), () => true)
    if (!isThere) {
      if (!wasGone) yield* log.warning(`${own} is gone. What was in it stays in force until it is there again.`)
      wasGone = true
      return Option.none()
    }
    wasGone = false
    const read = yield* Effect.forEach([own, ...others], text)
    const told = read.map(([file, result]) => [
      file,
      result._tag === "Success" ? result.success : { not: result.failure.reason._tag }
    ])
    return Option.some(createHash("sha256").update(JSON.stringify(told)).digest("base64"))
  })

  const read = Effect.gen(function* () {
    const provider = yield* Effect.mapError(
      Settings.dotEnv,
      ({ message }) => new ConfigFile.ConfigUnreadable({ path: DOT_ENV, reason: message })
    )
    const loaded = yield* ConfigFile.load(source).pipe(Effect.provideService(ConfigProvider.ConfigProvider, provider))
    if (strict) yield* ConfigFile.requireAll(loaded.path, loaded)
    yield* SubscriptionRef.set(files, filesOf(loaded))
    return { loaded, overdue: yield* overdueIn(provider) }
  })

  // What has changed since the start read it is seen with the first look.
  const changes = SubscriptionRef.changes(files).pipe(
    Stream.changes,
    Stream.switchMap((watched) => FileHints.hints(watched, PATIENCE)),
    Stream.mapEffect(() => look),
    Stream.filter(Option.isSome),
    Stream.changes,
    Stream.map(() => undefined)
  )

  return ConfigSource.of({
    path: initial.path,
    read: Effect.provideContext(read, context),
    changes: Stream.provideContext(changes, context)
  })
})

export const layer = (
  options: ConfigSourceOptions
): Layer.Layer<ConfigSource, never, FileSystem.FileSystem | Path.Path> => Layer.effect(ConfigSource, make(options))
