/** The environment as a whole: everything that is wrong with it is told at once, by name and with its remedy. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Exposure from "../../src/auth/Exposure.ts"
import * as ConfigFile from "../../src/config/ConfigFile.ts"
import * as HttpSettings from "../../src/http/HttpSettings.ts"
import * as Logging from "../../src/observability/Logging.ts"
import { PLACEHOLDERS } from "../../src/settings/Remnants.ts"
import * as Setting from "../../src/settings/Setting.ts"
import * as Settings from "../../src/settings/Settings.ts"
import * as RestartPolicy from "../../src/upstream/RestartPolicy.ts"

const groups = {
  config: ConfigFile.settings,
  http: HttpSettings.settings,
  auth: Exposure.settings,
  upstream: RestartPolicy.settings,
  log: Logging.settings
}

const environment = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

const load = (env: Record<string, string>) => Effect.provide(Settings.load(groups), environment(env))

const problemsOf = (env: Record<string, string>) => Effect.map(Effect.flip(load(env)), ({ problems }) => problems)

describe("an environment without any of our variables", () => {
  it.effect("gives the defaults", () =>
    Effect.gen(function* () {
      const { auth, config, http, log, upstream } = yield* load({ PATH: "/bin", HOME: "/root" })
      assert.deepStrictEqual([config.path, config.maxRetries, config.strict], ["mcp_config.json", 3, false])
      assert.deepStrictEqual([http.port, http.pathPrefix, http.allowedHosts], [8080, "", []])
      assert.deepStrictEqual([http.host, upstream.restartDelay, log.format], Array(3).fill(Option.none()))
      assert.deepStrictEqual(auth.provider, Option.some("google"))
      assert.strictEqual(log.level, "Info")
    })
  )

  it.effect("is the same as one in which they are empty, or hold but spaces", () =>
    Effect.gen(function* () {
      const names = Object.values(groups).flatMap((group) => Object.values(group).map(({ name }) => name))
      const none = yield* load({})
      for (const nothing of ["", "   ", "\t"]) {
        assert.deepStrictEqual(yield* load(Object.fromEntries(names.map((name) => [name, nothing]))), none)
      }
    })
  )

  it.effect("is the same where other variables merely begin like ours", () =>
    Effect.gen(function* () {
      const others = { MCP_HOST_ALIAS: "x", MCP_PORT_8080_TCP: "y", MCP_BASE_URL_0: "z", MCP_LOG_LEVELS_EXTRA: "w" }
      assert.deepStrictEqual(yield* load(others), yield* load({}))
    })
  )
})

describe("an environment full of junk", () => {
  it.effect("is refused as a whole: each variable is named once, with what was expected and what was found", () =>
    Effect.gen(function* () {
      const problems = yield* problemsOf({
        MCP_PORT: "eighty",
        MCP_MAX_RETRIES: "-1",
        MCP_STRICT: "maybe",
        MCP_BASE_URL: "ftp://x",
        MCP_PATH_PREFIX: "/mcp",
        MCP_TRUSTED_PROXIES: "10.0.0.0/99",
        MCP_SHUTDOWN_GRACE: "a while",
        MCP_AUTH_PROVIDER: "github",
        MCP_RESTART_DELAY: "-5",
        MCP_LOG_LEVEL: "chatty",
        MCP_LOG_LEVELS: "http:LOUD",
        MCP_LOG_FORMAT: "xml",
        MCP_HOST: "fine"
      })
      const expected = {
        MCP_PORT: 'expected a whole number from 1 to 65535, not "eighty"',
        MCP_MAX_RETRIES: 'expected a whole number from 0 to 20, not "-1"',
        MCP_STRICT: 'expected true, 1, yes or on; or false, 0, no or off, not "maybe"',
        MCP_BASE_URL: "expected an absolute http:// or https:// URL",
        MCP_PATH_PREFIX: 'expected something else than the reserved word "mcp", not "/mcp"',
        MCP_TRUSTED_PROXIES: "expected addresses, or networks such as 10.0.0.0/8",
        MCP_SHUTDOWN_GRACE: "expected seconds, or a duration with a unit",
        MCP_AUTH_PROVIDER: 'expected one of google, oidc, oauth_proxy, demo, none, not "github"',
        MCP_RESTART_DELAY: "expected seconds, or a duration with a unit",
        MCP_LOG_LEVEL: 'expected ALL, TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL or NONE, not "chatty"',
        MCP_LOG_LEVELS: "expected name:LEVEL pairs",
        MCP_LOG_FORMAT: 'expected one of pretty, json, not "xml"'
      }
      assert.strictEqual(problems.length, Object.keys(expected).length, problems.join("\n"))
      for (const [name, text] of Object.entries(expected)) {
        assert.isTrue(
          problems.some((problem) => problem.startsWith(`${name}: `) && problem.includes(text)),
          `${name}: ${text}\nis not among\n${problems.join("\n")}`
        )
      }
    })
  )

  it.effect("is put before a person as one message, a line for each", () =>
    Effect.gen(function* () {
      const several = yield* Effect.flip(load({ MCP_PORT: "x", MCP_STRICT: "y" }))
      assert.match(several.message, /^2 settings refused:\n {2}MCP_STRICT: .*\n {2}MCP_PORT: .*$/u)
      const one = yield* Effect.flip(load({ MCP_PORT: "x" }))
      assert.match(one.message, /^Setting refused: MCP_PORT: /u)
    })
  )

  it.effect.each(["constructor", "toString", "__proto__", "valueOf"])("%s is no log level", (word) =>
    Effect.gen(function* () {
      const problems = yield* problemsOf({ MCP_LOG_LEVEL: word, MCP_LOG_LEVELS: `${word}:DEBUG` })
      assert.deepStrictEqual(
        problems.map((problem) => problem.split(":")[0]),
        ["MCP_LOG_LEVEL", "MCP_LOG_LEVELS"]
      )
    })
  )
})

describe("values of example files", () => {
  it.effect.each([...PLACEHOLDERS])("%s is refused: nobody means it", (placeholder) =>
    Effect.gen(function* () {
      const problems = yield* problemsOf({ MCP_CONFIG_PATH: placeholder })
      assert.deepStrictEqual(problems, [
        "MCP_CONFIG_PATH: still holds the placeholder of an example file; set it, or leave it empty"
      ])
    })
  )

  it("all those of the seed are known", () => {
    for (const value of [
      "123456789-abc123.apps.googleusercontent.com",
      "GOCSPX-abc123def456",
      "https://your-domain.com",
      "https://mcp.your-domain.com",
      "your_jwt_signing_key",
      "changeme"
    ]) {
      assert.isTrue(PLACEHOLDERS.has(value), value)
    }
  })
})

describe("secrets", () => {
  const secretGroup = {
    room: {
      key: Setting.secret({ name: "TOP_SECRET", description: "" }),
      strict: {
        ...Setting.custom<string>({
          name: "STRICT_SECRET",
          description: "",
          fallback: "",
          absent: "",
          decode: () => Result.fail("at least 12 characters")
        }),
        secret: true
      }
    }
  }

  it.effect("are Redacted, and show in no message", () =>
    Effect.gen(function* () {
      const failed = yield* Settings.load(secretGroup).pipe(
        Effect.provide(environment({ TOP_SECRET: "s3cr3t-1", STRICT_SECRET: "s3cr3t-2" })),
        Effect.flip
      )
      assert.strictEqual(failed.message, "Setting refused: STRICT_SECRET: expected at least 12 characters")
      assert.notInclude(JSON.stringify(failed) + String(failed), "s3cr3t")
      const { room } = yield* Effect.provide(Settings.load(secretGroup), environment({ TOP_SECRET: " s3cr3t-1 " }))
      assert.notInclude(JSON.stringify(room), "s3cr3t")
      assert.strictEqual(Redacted.value(Option.getOrThrow(room.key)), "s3cr3t-1")
    })
  )
})

describe("a .env that is not there", () => {
  it.effect("is no error", () =>
    Effect.provide(
      Settings.load({ http: HttpSettings.settings }),
      Layer.provide(Settings.layerDotEnv, NodeServices.layer)
    )
  )
})
