/** Reading mcp_config.json: retried where waiting may help, refused at once where it cannot. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { parseEnv } from "node:util"
import { logger } from "../observability/Logging.ts"
import * as Setting from "../settings/Setting.ts"
import * as JsonDocument from "./JsonDocument.ts"
import { format } from "./Problem.ts"
import type { GatewayConfig } from "../domain/ServerConfig.ts"
import { resolve, type Resolved } from "./Resolve.ts"

const log = logger("config")

export const settings = {
  path: Setting.text({
    name: "MCP_CONFIG_PATH",
    description: "The file with the servers to run.",
    fallback: "mcp_config.json"
  }),
  maxRetries: Setting.integer({
    name: "MCP_MAX_RETRIES",
    description: "How often reading that file is tried again (after 1, 2, 4 … s) when it exists but cannot be read.",
    fallback: 3,
    minimum: 0,
    maximum: 20
  }),
  strict: Setting.flag({
    name: "MCP_STRICT",
    description: "Refuse to start when a variable in the file is not set, instead of leaving out its server."
  }),
  liveReload: Setting.flag({
    name: "MCP_LIVE_RELOAD",
    description:
      "Put changes of the file, of its envFiles, and of .env as far as its variables go, into force while running. Without it, SIGHUP and POST /admin/reload do so when asked."
  }),
  reloadMode: Setting.choice({
    name: "MCP_RELOAD_MODE",
    description:
      "What a changed file does: in-process changes over what differs; exit ends the proxy in good order with exit code 42, for whoever starts it anew.",
    fallback: "in-process",
    choices: ["in-process", "exit"]
  })
}

/** There is no such file. */
export class ConfigNotFound extends Schema.TaggedError<ConfigNotFound>()("ConfigNotFound", { path: Schema.String }) {
  override get message(): string {
    return `Configuration not found: ${this.path}. Set MCP_CONFIG_PATH, or create it: {"mcpServers": {"name": {"command": "npx", "args": ["…"]}}}`
  }
}

/** The file is there, but reading it failed, also when tried again. */
export class ConfigUnreadable extends Schema.TaggedError<ConfigUnreadable>()("ConfigUnreadable", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Configuration ${this.path} cannot be read: ${this.reason}`
  }
}

/** The file is not JSON. */
export class ConfigSyntaxError extends Schema.TaggedError<ConfigSyntaxError>()("ConfigSyntaxError", {
  path: Schema.String,
  line: Schema.Finite,
  column: Schema.Finite,
  source: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    const pointer = `${" ".repeat(Math.max(0, this.column - 1))}^`
    return `Configuration ${this.path} is not JSON: ${this.reason} at line ${this.line}, column ${this.column}\n  ${this.source}\n  ${pointer}`
  }
}

/** The file is JSON but not a configuration. `problems` holds every violation. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  path: Schema.String,
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const count = `${this.problems.length} problem${this.problems.length === 1 ? "" : "s"}`
    return `Configuration ${this.path} has ${count}:\n${this.problems.map((problem) => `  ${problem}`).join("\n")}`
  }
}

export type ConfigError = ConfigNotFound | ConfigUnreadable | ConfigSyntaxError | ConfigInvalid

const readText = (path: string, maxRetries: number) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    return yield* fs.readFileString(path)
  }).pipe(
    Effect.catchReason("PlatformError", "NotFound", () => Effect.fail(new ConfigNotFound({ path }))),
    Effect.catchTag("PlatformError", (error) => Effect.fail(new ConfigUnreadable({ path, reason: error.message }))),
    Effect.tapErrorTag("ConfigUnreadable", (error) => log.warning(error.message)),
    Effect.retry({
      schedule: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: maxRetries })),
      while: (error) => error._tag === "ConfigUnreadable"
    })
  )

const loadEnvFile = Effect.fnUntraced(
  function* (path: string) {
    const fs = yield* FileSystem.FileSystem
    return parseEnv(yield* fs.readFileString(path)) as Readonly<Record<string, string>>
  },
  // The path may come out of a variable.
  Effect.mapError((error) => `cannot be read: ${error.reason._tag}`)
)

/**
 * Resolves a document again and again, each time with what it was found to need: variables, then the files whose paths
 * they are part of.
 */
const resolveAll = Effect.fnUntraced(function* (
  document: JsonDocument.JsonDocument,
  source: Source,
  seenFrom: (relative: string) => string
) {
  const provider = yield* ConfigProvider.ConfigProvider
  const variables = new Map<string, string | undefined>(Object.entries(source.variables))
  const files = new Map<string, Result.Result<Readonly<Record<string, string>>, string>>()
  for (;;) {
    const wanted = { variables: new Set<string>(), files: new Set<string>() }
    const resolved = resolve(document, {
      variable: (name) => {
        if (!variables.has(name)) wanted.variables.add(name)
        return variables.get(name)
      },
      envFile: (name) => {
        const file = files.get(name)
        if (file === undefined) wanted.files.add(name)
        return file ?? Result.succeed({})
      },
      path: seenFrom
    })
    if (wanted.variables.size === 0 && wanted.files.size === 0) {
      return { resolved, envFiles: [...files.keys()].map(seenFrom) }
    }
    for (const name of wanted.variables) {
      const node = yield* Effect.orElseSucceed(provider.load([name]), () => undefined)
      variables.set(name, node?.value)
    }
    for (const name of wanted.files) files.set(name, yield* Effect.result(loadEnvFile(seenFrom(name))))
  }
})

export interface Source {
  readonly path: string
  readonly maxRetries: number
  /** Variables that are always set in the file, whatever the environment says. */
  readonly variables: Readonly<Record<string, string>>
}

/** A file that can be used. */
export interface Loaded extends Resolved {
  readonly config: GatewayConfig
  /** Absolute. */
  readonly path: string
  /** The envFiles that were asked for, absolute, whether or not they are there. */
  readonly envFiles: ReadonlyArray<string>
}

/** Reads and resolves the file. Problems of the file fail; those of single servers, and remarks, are in the result. */
export const load = Effect.fn("ConfigFile.load")(function* (
  source: Source
): Effect.fn.Return<Loaded, ConfigError, FileSystem.FileSystem | Path.Path> {
  const paths = yield* Path.Path
  const path = paths.resolve(source.path)
  const text = yield* readText(path, source.maxRetries)
  const document = JsonDocument.read(text)
  if (Result.isFailure(document)) return yield* new ConfigSyntaxError({ path, ...document.failure })
  const { envFiles, resolved } = yield* resolveAll(document.success, source, (relative) =>
    paths.resolve(paths.dirname(path), relative)
  )
  if (resolved.config === undefined) return yield* new ConfigInvalid({ path, problems: everyProblem(resolved) })
  return { ...resolved, config: resolved.config, path, envFiles }
})

/** In the order of the file: what must be mended for it to be used, and what will be found wrong with it then. */
const everyProblem = ({ problems, serverProblems, unknownKeys }: Resolved): ReadonlyArray<string> =>
  [...problems, ...serverProblems, ...unknownKeys].sort((a, b) => (a.line ?? 0) - (b.line ?? 0)).map(format)

/** With `strict`, what concerns one server only is as bad as what concerns the file. */
export const requireAll = (path: string, resolved: Resolved, more: ReadonlyArray<string> = []) => {
  const problems = [...resolved.serverProblems.map(format), ...more]
  return problems.length === 0 ? Effect.void : Effect.fail(new ConfigInvalid({ path, problems }))
}

/** One line of log for each remark. */
export const logRemarks = Effect.fnUntraced(function* (resolved: Resolved) {
  for (const problem of resolved.serverProblems) yield* log.error(format(problem))
  for (const problem of resolved.unknownKeys) yield* log.warning(format(problem))
  for (const problem of resolved.notes) yield* log.info(format(problem))
  if (resolved.config?.servers.length === 0) yield* log.warning("No server is enabled: clients will see empty lists")
})
