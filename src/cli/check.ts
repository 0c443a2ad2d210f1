/** `check`: is the configuration right, and does every server of it start? */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Summary from "../access/Summary.ts"
import * as UsersSource from "../access/UsersSource.ts"
import * as Catalogue from "../domain/Catalogue.ts"
import * as ConfigFile from "../config/ConfigFile.ts"
import { format } from "../config/Problem.ts"
import type { GatewayConfig } from "../domain/ServerConfig.ts"
import * as Fleet from "../fleet/Fleet.ts"
import * as Store from "../storage/Store.ts"
import { EraVerdicts } from "../upstream/EraVerdicts.ts"
import type { ServerReport } from "../http/HealthApi.ts"
import { report } from "../http/HealthRoutes.ts"
import * as AgainstRunning from "./AgainstRunning.ts"
import type { AllSettings } from "./AllSettings.ts"
import * as Flags from "./Flags.ts"
import * as Host from "./Host.ts"
import * as Output from "./Output.ts"
import { quietly } from "./quietly.ts"

/** At least one server did not pass; the table has said which. */
export class CheckFailed extends Schema.TaggedError<CheckFailed>()("CheckFailed", {
  failed: Schema.Array(Schema.String)
}) {
  override readonly [Runtime.errorExitCode] = 1
  override get message(): string {
    return `${this.failed.length} of the servers did not pass: ${this.failed.join(", ")}`
  }
}

/** Starts every server once, and says what came of it. */
const tryServers = Effect.gen(function* () {
  const fleet = yield* Fleet.Fleet
  return yield* Effect.forEach(
    fleet.config().servers,
    Effect.fnUntraced(function* (config) {
      const upstream = fleet.shared(config.id)
      if (upstream === undefined) return yield* Effect.die(new Error(`${config.id} was not started`))
      yield* upstream.settled
      return report(config, upstream, yield* Clock.currentTimeMillis)
    }),
    { concurrency: "unbounded" }
  )
})

/** What there is to remark about users.json; fails with everything that is wrong with it. */
const checkPolicy = Effect.fnUntraced(function* (settings: AllSettings, config: GatewayConfig) {
  const { rules, source } = yield* UsersSource.load(settings.access, settings.storage.dataDirectory)
  const servers = config.servers.map(({ id }) => id)
  return Summary.strangers(rules, servers).map((remark) => `${source.path}: ${remark}`)
})

const reasonOf = (server: ServerReport): string => server.detail.replace(/^[^:]*: /u, "")

const row = (server: ServerReport): ReadonlyArray<string> => {
  const passed = server.status === "ready"
  return [
    passed ? Output.paint("✓", "green") : Output.paint("✗", "red"),
    server.name,
    server.transport,
    passed ? Catalogue.describe(server) : reasonOf(server),
    passed ? Output.paint(`${server.startMillis} ms`, "dim") : ""
  ]
}

export const check = Command.make(
  "check",
  {
    json: Flags.json,
    againstRunning: Flag.Boolean("against-running").pipe(
      Flag.withDescription("Start nothing; show what a reload would do to the proxy that runs"),
      Flag.withDefault(false)
    ),
    url: Flags.address,
    token: Flags.token,
    strict: Flag.Boolean("strict").pipe(Flag.withDescription("Take unknown keys for errors"), Flag.withDefault(false))
  },
  ({ againstRunning, json, strict, token, url }) =>
    quietly((settings) =>
      Effect.gen(function* () {
        if (againstRunning) {
          const report = yield* AgainstRunning.ask(Flags.baseOf(url, settings), token)
          return yield* json ? Output.json(report) : Output.print(AgainstRunning.show(report))
        }
        const loaded = yield* Host.loadConfig(settings)
        const policy = yield* checkPolicy(settings, loaded.config)
        const unknownKeys = loaded.unknownKeys.map(format)
        yield* ConfigFile.requireAll(loaded.path, loaded, strict ? unknownKeys : [])
        const servers = yield* tryServers.pipe(
          Effect.provide(
            Fleet.layer(loaded.config).pipe(
              Layer.provide(EraVerdicts.layer),
              Layer.provide(Store.layerMemory),
              Layer.provide(Host.platform(settings, settings.gateway.listWait))
            )
          )
        )
        const failed = servers.filter(({ status }) => status !== "ready").map(({ name }) => name)
        const notes = [...unknownKeys, ...loaded.notes.map(format), ...policy]
        if (json) yield* Output.json({ ok: failed.length === 0, config: loaded.path, notes, servers })
        else {
          yield* Output.print(Output.table(servers.map(row)))
          for (const note of notes) yield* Output.print(Output.paint(`  note: ${note}`, "yellow"))
          if (failed.length === 0) yield* Output.print(`${servers.length} of ${servers.length} servers passed`)
        }
        if (failed.length > 0) return yield* new CheckFailed({ failed })
      })
    )
).pipe(
  Command.withDescription(
    "Read the configuration and start each server of it once: connect, initialize, list. Exit code 1 if anything fails."
  ),
  Command.withExamples([
    { command: "mcp-proxy-server check", description: "Before a start, or in CI" },
    { command: "mcp-proxy-server check --against-running", description: "Before a reload" },
    { command: "mcp-proxy-server check --json --strict", description: "For a program, unknown keys being errors" }
  ])
)
