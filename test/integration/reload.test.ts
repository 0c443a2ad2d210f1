/** Changed files, put into force while clients are connected. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { call, connect, textOf } from "./client.ts"
import { eventually, fixture, nobodyLeft, rawStdio, readyProxy, type RunningProxy } from "./harness.ts"
import { begin, eventsOf, openStream, post, request, send, toolCall } from "./wire.ts"

const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")], era: "legacy" }
const LIVE = { MCP_LIVE_RELOAD: "true" }

/** How often it has said so. */
const times = (proxy: RunningProxy, pattern: RegExp): number => [...proxy.output().matchAll(pattern)].length

/** Does something, and waits until the proxy says what has become of it. */
const expecting = (proxy: RunningProxy, said: RegExp, change: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const before = times(proxy, new RegExp(said, "gu"))
    yield* change
    yield* eventually(`it says ${said}`, () => times(proxy, new RegExp(said, "gu")) > before, 30_000)
  })

describe("a server that is replaced", () => {
  for (const isolation of ["shared", "session"]) {
    it.live(`is told by itself what sessions watch, and at which level they want messages (${isolation})`, () =>
      Effect.gen(function* () {
        const entry = { ...rawStdio("--resources", "--journal", "journal"), isolation }
        const proxy = yield* readyProxy({ config: { mcpServers: { raw: entry } }, env: LIVE })
        const session = yield* begin(proxy.url)
        yield* post(proxy.url, request("resources/subscribe", { uri: "raw://thing" }), session)
        yield* post(proxy.url, request("logging/setLevel", { level: "warning" }), session)
        const standing = yield* openStream(proxy.url, session)
        const journal = (): ReadonlyArray<string> => readFileSync(join(proxy.folder, "journal"), "utf8").split("\n")
        const before = journal().length
        const next = { mcpServers: { raw: { ...entry, env: { CHANGED: "1" } } } }
        yield* expecting(proxy, /rebuilt raw \(env\)/u, proxy.configure(next))
        yield* eventually("it is watched, at the level that was asked for", () =>
          ["resources/subscribe", "logging/setLevel"].every((method) =>
            journal()
              .slice(before - 1)
              .includes(method)
          )
        )
        yield* post(proxy.url, toolCall("touch"), isolation === "shared" ? yield* begin(proxy.url) : session)
        yield* eventually("the client is told", () => standing.text().includes("notifications/resources/updated"))
      }).pipe(Effect.scoped)
    )
  }
})

describe("a file that is followed", () => {
  it.live("is put into force however it changes, and touches no other server", () =>
    Effect.gen(function* () {
      const both = {
        mcpServers: { kept: raw, other: { ...raw, envFile: "other.env", args: [...raw.args, "${FLAG:-}"] } }
      }
      const proxy = yield* readyProxy({
        config: both,
        env: LIVE,
        prepare: (folder) => writeFileSync(join(folder, "other.env"), "A=0\n")
      })
      const inFolder = (name: string) => join(proxy.folder, name)
      const client = yield* connect(proxy.url)
      const pid = (server: string) => Effect.map(call(client, `${server}_pid`), textOf)
      const kept = yield* pid("kept")
      const said = /Reloaded \S+: rebuilt other \((\w+)\)/u

      let other = yield* pid("other")
      for (const [what, change] of [
        ["an envFile", () => writeFileSync(inFolder("other.env"), "A=1\n")],
        ["a variable of .env", () => writeFileSync(inFolder(".env"), "FLAG=--junk-first\n")]
      ] as const) {
        yield* expecting(proxy, said, Effect.sync(change))
        const next = yield* pid("other")
        assert.notStrictEqual(next, other, what)
        other = next
      }
      yield* expecting(
        proxy,
        /rebuilt other \(callTimeout\)/u,
        proxy.configure({
          mcpServers: { other: { ...both.mcpServers.other, callTimeout: "1 minute" }, kept: raw }
        })
      )
      yield* expecting(
        proxy,
        /is gone/u,
        Effect.sync(() => rmSync(inFolder("mcp_config.json")))
      )
      yield* expecting(proxy, /removed other/u, proxy.configure({ mcpServers: { kept: raw } }))
      assert.strictEqual(
        textOf(yield* call(client, "pid")),
        kept,
        "the name has no prefix any more, the process is the same"
      )
      yield* expecting(
        proxy,
        /MCP_LIST_WAIT: changed in \.env; takes effect at restart/u,
        Effect.sync(() => writeFileSync(inFolder(".env"), "MCP_LIST_WAIT=1 s\n"))
      )
      const ready = JSON.parse((yield* send(proxy.url.replace(/mcp$/u, "ready"))).text) as {
        readonly configuration: unknown
      }
      assert.deepInclude(ready.configuration as object, { problem: null, takesEffectAtRestart: ["MCP_LIST_WAIT"] })
    }).pipe(Effect.scoped)
  )

  it.live("may be behind a link that is swapped, as Kubernetes does", () =>
    Effect.gen(function* () {
      const write = (folder: string, version: string, servers: object): void => {
        mkdirSync(join(folder, version), { recursive: true })
        writeFileSync(join(folder, version, "mcp.json"), JSON.stringify({ mcpServers: servers }))
        symlinkSync(version, join(folder, "..next"))
        renameSync(join(folder, "..next"), join(folder, "..data"))
      }
      const proxy = yield* readyProxy({
        config: { mcpServers: {} },
        env: { ...LIVE, MCP_CONFIG_PATH: "mounted/mcp.json" },
        prepare: (folder) => {
          write(join(folder, "mounted"), "..1", { a: raw })
          symlinkSync("..data/mcp.json", join(folder, "mounted/mcp.json"))
        }
      })
      yield* expecting(
        proxy,
        /added b/u,
        Effect.sync(() => write(join(proxy.folder, "mounted"), "..2", { a: raw, b: raw }))
      )
    }).pipe(Effect.scoped)
  )

  it.live("tells clients of it once, and only those whose list has changed", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { a: raw, b: raw } }, env: LIVE })
      const listens = (url: string) =>
        Effect.gen(function* () {
          const session = yield* begin(url)
          yield* post(url, { jsonrpc: "2.0", id: 1, method: "tools/list" }, session)
          return yield* openStream(url, session)
        })
      const [all, onlyA] = [yield* listens(proxy.url), yield* listens(`${proxy.url}/a`)]
      const told = (stream: typeof all) =>
        eventsOf(stream.text()).filter(({ data }) => data.includes("notifications/tools/list_changed")).length
      yield* expecting(
        proxy,
        /added d, c; rebuilt b/u,
        proxy.configure({
          mcpServers: { d: raw, c: raw, b: { ...raw, disabledTools: ["echo"], args: [...raw.args, "x"] }, a: raw }
        })
      )
      yield* eventually("who sees all is told", () => told(all) === 1)
      yield* expecting(
        proxy,
        /adjusted b/u,
        proxy.configure({ mcpServers: { a: raw, b: { ...raw, args: [...raw.args, "x"] }, c: raw, d: raw } })
      )
      yield* expecting(
        proxy,
        /added e/u,
        proxy.configure({ mcpServers: { a: raw, b: { ...raw, args: [...raw.args, "x"] }, c: raw, d: raw, e: raw } })
      )
      assert.deepStrictEqual([told(all), told(onlyA)], [1, 0])
    }).pipe(Effect.scoped)
  )
})

describe("SIGHUP", () => {
  it.live("has the file read again, without which nothing is followed", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { a: raw } } })
      yield* proxy.configure('{"mcpServers": {')
      yield* expecting(proxy, /is not JSON.*\n.*\n.*\n.*stays as it is/u, proxy.signal("SIGHUP"))
      yield* proxy.configure({ mcpServers: { a: raw, b: raw } })
      yield* expecting(proxy, /added b/u, proxy.signal("SIGHUP"))
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 0)
      yield* nobodyLeft(proxy.marker)
    }).pipe(Effect.scoped)
  )
})

describe("MCP_RELOAD_MODE=exit", () => {
  it.live("lets calls finish and ends with 42, once the file differs and can be used", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { a: raw } },
        env: { ...LIVE, MCP_RELOAD_MODE: "exit", MCP_SHUTDOWN_GRACE: "10" }
      })
      const session = yield* begin(proxy.url)
      const slow = { name: "slow", arguments: { steps: 20 }, _meta: { progressToken: 1 } }
      const going = yield* openStream(
        proxy.url,
        session,
        JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: slow })
      )
      yield* eventually("the call runs", () => eventsOf(going.text()).length >= 2)
      yield* expecting(proxy, /stays as it is/u, proxy.configure("{"))
      yield* proxy.configure({ mcpServers: { a: raw, b: raw } })
      assert.strictEqual(yield* proxy.exited, 42)
      assert.match(going.text(), /done slowly/u)
      assert.match(proxy.output(), /has changed \(added b\)/u)
      yield* nobodyLeft(proxy.marker)
    }).pipe(Effect.scoped)
  )
})
