/** Changed files, put into force while the proxy runs. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Audit from "../../src/access/Audit.ts"
import * as ConfigFile from "../../src/config/ConfigFile.ts"
import * as ConfigSource from "../../src/config/ConfigSource.ts"
import type { AuditRecord } from "../../src/domain/AuditRecord.ts"
import * as Fleet from "../../src/fleet/Fleet.ts"
import * as Reload from "../../src/fleet/Reload.ts"
import { collectingLogs } from "../support/logged.ts"
import { memoryProcesses, server } from "../support/memoryProcesses.ts"
import { platformOf } from "../support/memoryServers.ts"
import { settle } from "../support/settle.ts"
import { temporaryFolder } from "../support/temporary.ts"

const file = (servers: object): string => JSON.stringify({ mcpServers: servers }, undefined, 2)
const A = { command: "a", era: "legacy" }

interface Options {
  readonly mode?: "in-process" | "exit"
  readonly variables?: Readonly<Record<string, string>>
}

/** A fleet of the file, and what reloads it; each element of `triggers` asks for that. */
const running = Effect.fnUntraced(function* (first: object, { mode = "in-process", variables = {} }: Options = {}) {
  const folder = yield* temporaryFolder
  const path = join(folder, "mcp_config.json")
  const write = (text: string) => Effect.sync(() => writeFileSync(path, text))
  yield* write(file(first))
  const environment = Layer.mergeAll(
    ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...variables } })),
    NodeServices.layer
  )
  const source = { path, maxRetries: 0, variables }
  const initial = yield* ConfigFile.load(source).pipe(Effect.provide(environment))
  const processes = memoryProcesses({ a: server(["echo"]), b: server(["echo"]) })
  const triggers = yield* PubSub.unbounded<void>()
  const records: Array<AuditRecord> = []
  const context = yield* Layer.build(
    Reload.layer({ mode, isLive: false, triggers: Stream.fromPubSub(triggers) }).pipe(
      Layer.provide(
        ConfigSource.layer({ source, strict: false, initial, settings: ["MCP_PORT"] }).pipe(Layer.provide(environment))
      ),
      Layer.provideMerge(Fleet.layer(initial.config)),
      Layer.provide(platformOf(processes)),
      Layer.provide(Audit.layerMemory(records))
    )
  )
  const fleet = Context.get(context, Fleet.Fleet)
  const reload = Context.get(context, Reload.Reload)
  yield* settle
  const names = () => fleet.config().servers.map(({ id }) => String(id))
  return { folder, path, write, fleet, reload, processes, triggers, records, names }
})

describe("a changed file", () => {
  it.effect("is put into force when somebody asks for it, and is in the audit trail with who did", () =>
    Effect.gen(function* () {
      const { names, records, reload, write } = yield* running({ a: A })
      yield* write(file({ a: A, b: { ...A, command: "b" } }))
      const outcome = yield* reload.reload({ subject: "ann" })
      assert.strictEqual(outcome._tag, "Read")
      assert.deepStrictEqual(names(), ["a", "b"])
      assert.deepStrictEqual(
        records.map(({ detail, kind, principal }) => [kind, detail, principal?.subject]),
        [["configuration", "added b", "ann"]]
      )
      assert.isUndefined(reload.state().problem)
    }).pipe(Effect.scoped)
  )

  it.effect("is put into force by a trigger", () =>
    Effect.gen(function* () {
      const { names, triggers, write } = yield* running({ a: A })
      yield* write(file({ b: { ...A, command: "b" } }))
      yield* PubSub.publish(triggers, undefined)
      yield* Effect.repeat(Effect.yieldNow, { until: () => names()[0] === "b" })
    }).pipe(Effect.scoped, TestClock.withLive, Effect.timeout("10 seconds"))
  )

  it.effect("can be asked about, which does nothing", () =>
    Effect.gen(function* () {
      const { names, reload, write } = yield* running({ a: A })
      yield* write(file({ b: A }))
      const outcome = yield* reload.preview
      assert.deepStrictEqual(outcome._tag === "Read" ? outcome.difference.added.map(String) : [], ["b"])
      assert.deepStrictEqual(names(), ["a"])
    }).pipe(Effect.scoped)
  )

  it.effect("that cannot be used changes nothing; its problems are kept with line and path until it can", () =>
    Effect.gen(function* () {
      const { names, processes, reload, write } = yield* running({ a: A })
      for (const [text, problem] of [
        [file({ a: { ...A, callTimeout: "soon" } }), /mcpServers\.a\.callTimeout: .*\(line \d\)/u],
        ['{"mcpServers": {', /is not JSON: .* at line 1/u]
      ] as const) {
        yield* write(text)
        const [outcome, lines] = yield* collectingLogs(Effect.andThen(reload.reload(), reload.reload()))
        assert.strictEqual(outcome._tag, "Refused")
        assert.match(reload.state().problem ?? "", problem)
        assert.lengthOf(
          lines.filter(({ level }) => level === "Error"),
          1,
          "it is said once"
        )
      }
      assert.deepStrictEqual(names(), ["a"])
      assert.lengthOf(processes.running(), 1)
      yield* write(file({ a: A }))
      yield* reload.reload()
      assert.isUndefined(reload.state().problem)
    }).pipe(Effect.scoped)
  )

  it.effect("that is gone is refused when asked for, and what runs goes on", () =>
    Effect.gen(function* () {
      const { names, path, reload } = yield* running({ a: A })
      rmSync(path)
      const outcome = yield* reload.reload()
      assert.match(outcome._tag === "Refused" ? outcome.problem : "", /Configuration not found/u)
      assert.deepStrictEqual(names(), ["a"])
    }).pipe(Effect.scoped)
  )

  it.effect("ends the program with code 42 where that is wanted, and only if something differs", () =>
    Effect.gen(function* () {
      const { names, reload, write } = yield* running({ a: A }, { mode: "exit" })
      const ended = yield* Effect.forkChild(Effect.exit(reload.ended))
      yield* reload.reload()
      yield* write('{"mcpServers": ')
      yield* reload.reload()
      yield* settle
      assert.isUndefined(ended.pollUnsafe())
      yield* write(file({ b: A }))
      yield* reload.reload()
      const exit = yield* Fiber.join(ended)
      assert.deepStrictEqual(names(), ["a"])
      const error = Exit.findErrorOption(exit)
      assert.strictEqual(error._tag === "Some" ? error.value[Runtime.errorExitCode] : 0, 42)
    }).pipe(Effect.scoped)
  )
})
