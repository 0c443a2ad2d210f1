/** Faults of the proxy's own: what is said of them, and what is left of it afterwards. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { childrenOf, eventually, fixture, isAlive, readyProxy, type RunningProxy } from "./harness.ts"
import { begin, eventsOf, openStream } from "./wire.ts"

const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }

/** Has the breakable proxy do something to itself. */
const command = (proxy: RunningProxy, what: string) =>
  Effect.andThen(
    Effect.sync(() => writeFileSync(join(proxy.folder, "command"), what)),
    proxy.signal("SIGUSR2")
  )

const breakable = (env: Readonly<Record<string, string>> = {}) =>
  readyProxy({ config: { mcpServers: { raw } }, entry: fixture("breakable-proxy.ts"), env })

describe("an error that nobody caught", () => {
  for (const [what, message] of [
    ["throw", "thrown on purpose"],
    ["reject", "rejected on purpose"]
  ] as const) {
    it.live(`(${what}) is in the log and on standard error with its cause, and ends the program in good order`, () =>
      Effect.gen(function* () {
        const proxy = yield* breakable({ MCP_LOG_FORMAT: "json" })
        const session = yield* begin(proxy.url)
        const slow = {
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name: "slow", _meta: { progressToken: 1 } }
        }
        const call = yield* openStream(proxy.url, session, JSON.stringify(slow))
        yield* eventually("the call runs", () => eventsOf(call.text()).length >= 2)
        const children = childrenOf(proxy.pid)
        assert.strictEqual(children.length, 2, "server and sidecar")
        yield* command(proxy, what)
        assert.strictEqual(yield* proxy.exited, 1)
        const lines = proxy.output().split("\n")
        const logged = lines
          .filter((line) => line.startsWith("{"))
          .map(
            (line) => JSON.parse(line) as { readonly level: string; readonly message: string; readonly cause?: string }
          )
          .filter(({ level }) => level === "CRITICAL")
        assert.deepStrictEqual(
          logged.map(({ cause = "", message: text }) => [
            text,
            cause.includes(message),
            cause.includes("breakable-proxy.ts")
          ]),
          [["An error that nobody caught", true, true]]
        )
        assert.include(proxy.output(), `Stopped by an error that nobody caught: Error: ${message}\n`)
        assert.match(call.text(), /done slowly/u, "what was in flight was let finish")
        yield* eventually("server and sidecar are gone", () => !children.some(isAlive))
        const database = join(proxy.folder, "data/state.db")
        assert.deepStrictEqual(
          [existsSync(database), existsSync(`${database}-wal`)],
          [true, false],
          "the store is closed"
        )
      }).pipe(Effect.scoped)
    )
  }
})
