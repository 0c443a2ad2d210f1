/** Reading the configuration file: retried where waiting may help, refused at once and in full where it cannot. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as PlatformError from "effect/PlatformError"
import * as TestClock from "effect/testing/TestClock"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ConfigFile from "../../src/config/ConfigFile.ts"
import { format } from "../../src/config/Problem.ts"
import * as Settings from "../../src/settings/Settings.ts"
import { transport } from "../support/configuration.ts"
import { collectingLogs } from "../support/logged.ts"
import { temporaryFolder } from "../support/temporary.ts"

interface Files {
  /** The files of the folder, by name. */
  readonly files: Readonly<Record<string, string>>
  readonly env?: Record<string, string>
  readonly variables?: Readonly<Record<string, string>>
  readonly path?: string
}

/** Loads `mcp_config.json` of a folder that holds these files. */
const load = ({ env = {}, files, path = "mcp_config.json", variables = {} }: Files) =>
  Effect.flatMap(temporaryFolder, (folder) => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(folder, name, ".."), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    return ConfigFile.load({ path: join(folder, path), maxRetries: 3, variables }).pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
    )
  }).pipe(Effect.provide(NodeServices.layer))

const config = (value: unknown): Files["files"] => ({ "mcp_config.json": JSON.stringify(value, undefined, 2) })

/** A file system on which reading fails as `fail` says, so many times; then it succeeds. */
const failing = (times: number, fail: PlatformError.PlatformError, text = '{"mcpServers":{}}') => {
  let reads = 0
  const fs = FileSystem.layerNoop({
    readFileString: () => Effect.suspend(() => (++reads <= times ? Effect.fail(fail) : Effect.succeed(text)))
  })
  return { layer: Layer.merge(fs, Path.layer), reads: () => reads }
}

const error = (_tag: PlatformError.SystemErrorTag) =>
  PlatformError.systemError({ _tag, module: "FileSystem", method: "readFileString", pathOrDescriptor: "x.json" })

const source = (maxRetries: number): ConfigFile.Source => ({ path: "/etc/x.json", maxRetries, variables: {} })

describe("a file that can be used", () => {
  it.effect("gives its servers, and says where it was found", () =>
    Effect.gen(function* () {
      const loaded = yield* load({ files: config({ mcpServers: { a: { command: "x" } } }) })
      assert.deepStrictEqual(
        loaded.config.servers.map(({ id }) => id),
        ["a"]
      )
      assert.match(loaded.path, /\/mcp_config\.json$/u)
    })
  )

  it.effect("may begin with a byte order mark", () =>
    Effect.gen(function* () {
      const loaded = yield* load({ files: { "mcp_config.json": '\ufeff{"mcpServers":{}}' } })
      assert.deepStrictEqual(loaded.config.servers, [])
    })
  )

  it.effect("has its variables from the environment, and from what the program itself sets before it", () =>
    Effect.gen(function* () {
      const loaded = yield* load({
        files: config({ mcpServers: { a: { command: "${CMD}", args: ["${MCP_DATA_DIR}", "${env:N_1}", "${N}"] } } }),
        env: { CMD: "npx", N: "n", N_1: "one", MCP_DATA_DIR: "of the environment" },
        variables: { MCP_DATA_DIR: "/data" }
      })
      assert.deepStrictEqual(transport(loaded.config.servers[0]), {
        _tag: "Stdio",
        command: "npx",
        args: ["/data", "one", "n"],
        env: {},
        cwd: undefined
      })
    })
  )

  it.effect("a variable that is set to nothing, as in NAME=, is set: only a default takes its place", () =>
    Effect.gen(function* () {
      const text = JSON.stringify({
        mcpServers: { a: { command: "x", args: ["<${EMPTY}>", "<${EMPTY:-default}>", "${FULL}"] } }
      })
      const files = FileSystem.layerNoop({
        readFileString: (path) => Effect.succeed(path.endsWith(".env") ? "EMPTY=\nFULL=full\n" : text)
      })
      const loaded = yield* ConfigFile.load(source(0)).pipe(
        Effect.provide(Layer.provideMerge(Settings.layerDotEnv, Layer.merge(files, Path.layer)))
      )
      assert.deepStrictEqual(loaded.serverProblems.map(format), [])
      assert.deepInclude(transport(loaded.config.servers[0]), { args: ["<>", "<default>", "full"] })
    })
  )

  it.effect("an envFile is found beside the file, and its variables are the server's", () =>
    Effect.gen(function* () {
      const loaded = yield* load({
        files: {
          ...config({
            mcpServers: {
              a: { command: "x", envFile: "env/${WHICH}.env", env: { OWN: "own" } },
              b: { command: "x", env_file: "./env/b.env" }
            }
          }),
          "env/a.env": "# comment\nexport KEY=value\nQUOTED=\"two words\"\nOWN=file\nEMPTY=\nX_Y_Z='1'\n",
          "env/b.env": "B=2"
        },
        env: { WHICH: "a", KEY: "of the environment" }
      })
      assert.deepStrictEqual(loaded.serverProblems.map(format), [])
      assert.deepInclude(transport(loaded.config.servers[0]), {
        env: { KEY: "value", QUOTED: "two words", OWN: "own", EMPTY: "", X_Y_Z: "1" }
      })
      assert.deepInclude(transport(loaded.config.servers[1]), { env: { B: "2" } })
    })
  )

  it.effect("an envFile that is not there fails its server alone, and says nothing that came out of a variable", () =>
    Effect.gen(function* () {
      const loaded = yield* load({
        files: config({
          mcpServers: { a: { command: "x", envFile: "${SECRET}/no.env" }, b: { command: "x" } }
        }),
        env: { SECRET: "s3cr3t" }
      })
      assert.strictEqual(loaded.serverProblems.length, 1)
      assert.strictEqual(loaded.serverProblems[0]?.path, "mcpServers.a.envFile")
      assert.include(loaded.serverProblems[0]?.message, "cannot be read")
      assert.notInclude(loaded.serverProblems[0]?.message, "s3cr3t")
      assert.strictEqual(loaded.config.servers[1]?.transport._tag, "Stdio")
    })
  )

  it.effect("the environment's variables do not come out of one whose name merely begins alike", () =>
    Effect.gen(function* () {
      const loaded = yield* load({
        files: config({ mcpServers: { a: { command: "x", args: ["${TOKEN}"] } } }),
        env: { TOKEN_FILE: "x", TOKEN_0: "y" }
      })
      assert.deepStrictEqual(loaded.serverProblems.map(format), [
        "mcpServers.a.args[0]: the variable TOKEN is not set (line 6)"
      ])
    })
  )
})

describe("a file that cannot be used", () => {
  it.effect("that is not there: said at once, with what to do", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(load({ files: {}, path: "other.json" }))
      assert.strictEqual(failed._tag, "ConfigNotFound")
      assert.match(failed.message, /^Configuration not found: .*\/other\.json\. Set MCP_CONFIG_PATH, or create it: \{/u)
    })
  )

  it.effect("that is no JSON: line, column, and the line itself with the place marked", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(load({ files: { "mcp_config.json": '{\n  "mcpServers": {},\n}\n' } }))
      assert.strictEqual(failed._tag, "ConfigSyntaxError")
      const [first, ...rest] = failed.message.split("\n")
      assert.match(first ?? "", /mcp_config\.json is not JSON: .* at line 3, column 1$/u)
      assert.deepStrictEqual(rest, ["  }", "  ^"])
    })
  )

  it.effect("the mark stands below the place", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(load({ files: { "mcp_config.json": '{ "mcpServers": { "a" 7 } }' } }))
      const [, line = "", mark = ""] = failed.message.split("\n")
      assert.strictEqual(line.charAt(mark.indexOf("^")), "7")
    })
  )

  it.effect("that is no configuration: every violation with path and line, and their number", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(
        load({
          files: {
            "mcp_config.json":
              '{ "mcpServers": {\n"a": {"comand": "x"},\n"b": { "command": 7 },\n"c": {"url": "${MISSING}"} },\n"gateway": { "x": 1 } }'
          }
        })
      )
      assert.strictEqual(failed._tag, "ConfigInvalid")
      const [first, ...rest] = failed.message.split("\n")
      assert.match(first ?? "", /mcp_config\.json has 5 problems:$/u)
      assert.deepStrictEqual(rest, [
        '  mcpServers.a: needs a "command" to start, or a "url" to connect to (line 2)',
        '  mcpServers.a.comand: is not a known key; did you mean "command"? (line 2)',
        "  mcpServers.b.command: expected string (line 3)",
        "  mcpServers.c.url: the variable MISSING is not set (line 4)",
        "  gateway.x: is not a known key (line 5)"
      ])
    })
  )

  it.effect("an empty file, and one of another program's, are refused", () =>
    Effect.gen(function* () {
      const empty = yield* Effect.flip(load({ files: { "mcp_config.json": "" } }))
      assert.strictEqual(empty._tag, "ConfigSyntaxError")
      const other = yield* Effect.flip(load({ files: { "mcp_config.json": '{"name":"x"}' } }))
      assert.strictEqual(other._tag, "ConfigInvalid")
      assert.include(other.message, "has 1 problem:")
    })
  )
})

describe("reading is tried again", () => {
  it.effect("after 1, 2 and 4 seconds, and then given up with the reason", () =>
    Effect.gen(function* () {
      const { layer, reads } = failing(99, error("PermissionDenied"))
      const fiber = yield* Effect.forkChild(
        collectingLogs(Effect.flip(Effect.provide(ConfigFile.load(source(3)), layer)))
      )
      const readsAfter = Effect.fnUntraced(function* (wait: string) {
        yield* TestClock.adjust(wait as "1 second")
        return reads()
      })
      assert.strictEqual(yield* readsAfter("0 seconds"), 1)
      assert.strictEqual(yield* readsAfter("999 millis"), 1)
      assert.strictEqual(yield* readsAfter("1 millis"), 2)
      assert.strictEqual(yield* readsAfter("1999 millis"), 2)
      assert.strictEqual(yield* readsAfter("1 millis"), 3)
      assert.strictEqual(yield* readsAfter("3999 millis"), 3)
      assert.strictEqual(yield* readsAfter("1 millis"), 4)
      assert.strictEqual(yield* readsAfter("1 hour"), 4)
      const [failed, lines] = yield* Fiber.join(fiber)
      assert.strictEqual(failed._tag, "ConfigUnreadable")
      assert.include(failed.message, "/etc/x.json cannot be read: ")
      assert.strictEqual(lines.filter(({ level, text }) => level === "Warn" && text === failed.message).length, 4)
    })
  )

  it.effect("as often as asked for, and not at all where that is 0", () =>
    Effect.gen(function* () {
      for (const maxRetries of [0, 1, 5]) {
        const { layer, reads } = failing(99, error("Busy"))
        const fiber = yield* Effect.forkChild(Effect.exit(Effect.provide(ConfigFile.load(source(maxRetries)), layer)))
        yield* TestClock.adjust("1 hour")
        yield* Fiber.join(fiber)
        assert.strictEqual(reads(), maxRetries + 1)
      }
    })
  )

  it.effect("and succeeds as soon as the file can be read", () =>
    Effect.gen(function* () {
      const { layer, reads } = failing(2, error("Unknown"))
      const fiber = yield* Effect.forkChild(Effect.provide(ConfigFile.load(source(3)), layer))
      yield* TestClock.adjust("3 seconds")
      const loaded = yield* Fiber.join(fiber)
      assert.deepStrictEqual(loaded.config.servers, [])
      assert.strictEqual(reads(), 3)
    })
  )

  it.effect("never where the file is not there, is no JSON, or no configuration", () =>
    Effect.gen(function* () {
      const missing = failing(99, error("NotFound"))
      const broken = failing(0, error("Unknown"), "{")
      const invalid = failing(0, error("Unknown"), "{}")
      for (const { layer, reads } of [missing, broken, invalid]) {
        yield* Effect.flip(Effect.provide(ConfigFile.load(source(3)), layer))
        assert.strictEqual(reads(), 1)
      }
    })
  )
})

describe("what is said of a file that can be used", () => {
  const mixed = config({
    mcpServers: { a: { command: "x/${MISSING}", comand: "x" }, b: { url: "https://x", oauth: {} } },
    inputs: []
  })

  it.effect("one line of log for each remark, as severe as it is", () =>
    Effect.gen(function* () {
      const loaded = yield* load({ files: mixed })
      const [, lines] = yield* collectingLogs(ConfigFile.logRemarks(loaded))
      assert.deepStrictEqual(
        lines.map(({ fields, level, text }) => [level, fields["logger"], text.split(":")[0]]),
        [
          ["Error", "config", "mcpServers.a.command"],
          ["Warn", "config", "mcpServers.a.comand"],
          ["Info", "config", "inputs"],
          ["Info", "config", "mcpServers.b.oauth"]
        ]
      )
    })
  )

  it.effect("that no server is enabled is said", () =>
    Effect.gen(function* () {
      const loaded = yield* load({ files: config({ mcpServers: { a: { command: "x", disabled: true } } }) })
      const [, lines] = yield* collectingLogs(ConfigFile.logRemarks(loaded))
      assert.deepStrictEqual(
        lines.map(({ text }) => text),
        ["No server is enabled: clients will see empty lists"]
      )
    })
  )

  it.effect("where all is required, what fails one server fails the start", () =>
    Effect.gen(function* () {
      const loaded = yield* load({ files: mixed })
      const failed = yield* Effect.flip(ConfigFile.requireAll(loaded.path, loaded, ["and more"]))
      assert.deepStrictEqual(failed.problems, [
        "mcpServers.a.command: the variable MISSING is not set (line 4)",
        "and more"
      ])
      const fine = yield* load({ files: config({ mcpServers: {} }) })
      yield* ConfigFile.requireAll(fine.path, fine)
    })
  )
})
