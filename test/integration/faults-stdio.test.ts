/** Stdio servers that misbehave: each has the promised status, error and log, and none leaves a process behind. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { call, connect, textOf } from "./client.ts"
import { eventually, fixture, nobodyLeft, readyProxy, type RunningProxy, startProxy, survivors } from "./harness.ts"

const raw = (...args: ReadonlyArray<string>) => ({
  command: process.execPath,
  args: [fixture("raw-stdio.ts"), ...args]
})

const upstreams = (proxy: RunningProxy) =>
  Effect.promise(async () => {
    const response = await fetch(`http://localhost:${proxy.port}/ready`)
    const body = (await response.json()) as {
      upstreams: ReadonlyArray<{ name: string; status: string; detail: string; note: string | null }>
    }
    return body.upstreams
  })

const stopped = Effect.fnUntraced(function* (proxy: RunningProxy) {
  yield* proxy.signal("SIGTERM")
  assert.strictEqual(yield* proxy.exited, 0)
  yield* nobodyLeft(proxy.marker)
})

describe("a stdio server that", () => {
  it.live("does not exist is failing with its reason, and the others work", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { gone: { command: "no-such-program-anywhere" }, good: raw() } }
      })
      const connected = yield* connect(proxy.url)
      const { tools } = yield* Effect.promise(() => connected.client.listTools())
      assert.isTrue(tools.length > 0 && tools.every(({ name }) => name.startsWith("good_")))
      const error = yield* Effect.flip(call(connected, "gone_anything"))
      assert.match(
        error.message,
        /Server "gone" is backing off \(unreachable; restart \d+ (?:now|in \d+ s)\): command not found: no-such-program-anywhere/u
      )
      const [gone] = yield* upstreams(proxy)
      assert.strictEqual(gone?.status, "backing off")
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("exits at once says its last words in status and log", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { dying: raw("--exit-at-once", "4") } } })
      yield* proxy.printed(/dying backing off .*it exited with code 4; its last words: I cannot go on: no such luck/u)
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("closes its input before it exits is said to have exited, with its last words", () =>
    Effect.gen(function* () {
      const script = "exec 0<&-; sleep 0.3; echo I want no input >&2; exit 3"
      const proxy = yield* readyProxy({ config: { mcpServers: { deaf: { command: "sh", args: ["-c", script] } } } })
      yield* proxy.printed(
        /deaf backing off \(crashed; restart 1 in [12] s\): it exited with code 3; its last words: I want no input/u
      )
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("exits in the middle of a call leaves that call with an unknown outcome, and comes back", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: raw() } } })
      const connected = yield* connect(proxy.url)
      const error = yield* Effect.flip(call(connected, "exit"))
      assert.match(error.message, /Outcome unknown: server "raw" went away during the call \(it exited with code 3/u)
      const down = yield* Effect.flip(call(connected, "echo"))
      assert.match(down.message, /Server "raw" is backing off/u)
      yield* proxy.printed(/raw ready in[\s\S]*raw ready in/u)
      assert.strictEqual(textOf(yield* call(connected, "echo", { a: 1 })), '{"a":1}')
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("hangs is cancelled after its callTimeout", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: { ...raw(), callTimeout: "2 s" } } } })
      const connected = yield* connect(proxy.url)
      const error = yield* Effect.flip(call(connected, "hang"))
      assert.match(
        error.message,
        /Outcome unknown: .* did not answer within 2 s; the call was cancelled \(mcpServers\.raw\.callTimeout\)/u
      )
      yield* proxy.printed(/cancelled \{"requestId":\d+,"reason":"timeout"\}/u)
      assert.strictEqual(textOf(yield* call(connected, "echo")), "{}")
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("is slow but shows progress is not taken for hanging", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: { ...raw(), callTimeout: "1 s" } } } })
      const connected = yield* connect(proxy.url)
      const seen: Array<number> = []
      const result = yield* call(
        connected,
        "slow",
        { steps: 30 },
        { onprogress: ({ progress }) => seen.push(progress) }
      )
      assert.strictEqual(textOf(result), "done slowly")
      assert.deepStrictEqual(
        seen,
        Array.from({ length: 30 }, (_, i) => i + 1)
      )
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("never answers initialize fails its start after its startTimeout", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { mute: { ...raw("--mute"), startTimeout: "1 s" } } } })
      yield* proxy.printed(/mute backing off \(timed out; .*it was not ready within 1s \(startTimeout\)/u)
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("floods standard output and error with junk still answers", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: raw() } } })
      const connected = yield* connect(proxy.url)
      assert.strictEqual(textOf(yield* call(connected, "flood")), "flooded")
      yield* proxy.printed(/raw sent what is no JSON-RPC message/u)
      assert.isBelow(
        proxy.output().split("sent what is no JSON-RPC message").length,
        60,
        "junk is not logged without end"
      )
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("prints junk before and between messages is understood all the same", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: raw("--junk-first") } } })
      const connected = yield* connect(proxy.url)
      assert.strictEqual(textOf(yield* call(connected, "junk")), "after the junk")
      yield* proxy.printed(/not a JSON object\): Welcome to my server!/u)
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("answers twice, or under an id that nobody waits for, is logged and gives each caller one answer", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: raw() } } })
      const connected = yield* connect(proxy.url)
      assert.strictEqual(textOf(yield* call(connected, "twice")), "first")
      assert.strictEqual(textOf(yield* call(connected, "unknown")), "for you")
      yield* proxy.printed(/raw answered a request that is not open \(id 987654321\)/u)
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("sends a message beyond the limit fails that call, not the connection", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: raw() } } })
      const connected = yield* connect(proxy.url)
      const { pid } = { pid: textOf(yield* call(connected, "pid")) }
      const error = yield* Effect.flip(call(connected, "big", { bytes: 65 * 1024 * 1024 }))
      assert.match(
        error.message,
        /Server "raw" did the call, but its answer was dropped: a message of \d+ bytes is larger than the limit of 67108864/u
      )
      assert.strictEqual(textOf(yield* call(connected, "pid")), pid, "it is still the same process")
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("asks the user on a shared connection is refused, and its status names the remedy", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: raw() } } })
      const connected = yield* connect(proxy.url, { elicitation: {} })
      assert.match(textOf(yield* call(connected, "ask")), /shared by several clients/u)
      const [status] = yield* upstreams(proxy)
      assert.match(status?.note ?? "", /"isolation": "session"/u)
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("ignores SIGTERM and has children of its own is ended with all of them", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { stubborn: raw("--ignore-term", "--grandchild") } } })
      yield* eventually("server and grandchild run", () => survivors(proxy.marker).length === 3)
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("is left alone by a proxy that was killed is ended all the same", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { stubborn: raw("--ignore-term", "--grandchild"), polite: raw() } }
      })
      yield* eventually("servers and grandchild run", () => survivors(proxy.marker).length === 4)
      yield* proxy.signal("SIGKILL")
      assert.strictEqual(yield* proxy.exited, "SIGKILL")
      yield* nobodyLeft(proxy.marker)
    }).pipe(Effect.scoped)
  )

  it.live("fails its first starts is brought back by itself", () =>
    Effect.gen(function* () {
      const journal = join(mkdtempSync(join(tmpdir(), "mcp-proxy-journal-")), "journal")
      const proxy = yield* startProxy({
        // Of an unknown era, a process that ends before it has said anything is started once more at once.
        config: { mcpServers: { raw: { ...raw("--journal", journal, "--fail-starts", "2"), era: "legacy" } } },
        env: { MCP_RESTART_DELAY: "0.2" }
      })
      yield* proxy.printed(/raw backing off \(crashed; restart 2 in/u)
      yield* proxy.printed(/raw ready in/u)
      assert.strictEqual(
        readFileSync(journal, "utf8")
          .split("\n")
          .filter((line) => line === "start").length,
        3
      )
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("was given up gets one more try when it is called", () =>
    Effect.gen(function* () {
      const journal = join(mkdtempSync(join(tmpdir(), "mcp-proxy-journal-")), "journal")
      const proxy = yield* readyProxy({
        config: {
          mcpServers: { raw: { ...raw("--journal", journal, "--fail-starts", "1"), restart: false, era: "legacy" } }
        }
      })
      yield* proxy.printed(/raw failed \(crashed\): it exited with code 7/u)
      const connected = yield* connect(proxy.url)
      assert.strictEqual(textOf(yield* call(connected, "echo")), "{}")
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("is called by a client that cancels is told so", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: raw() } } })
      const connected = yield* connect(proxy.url)
      const calling = yield* Effect.forkChild(call(connected, "hang"))
      yield* proxy.printed(/hanging/u)
      yield* Fiber.interrupt(calling)
      yield* proxy.printed(/cancelled \{"requestId":\d+,"reason":"the client cancelled"\}/u)
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("inherits nothing of the proxy's environment but what it needs to run", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { raw: { ...raw(), env: { OWN: "${GIVEN}" } } } },
        env: {
          GIVEN: "given-value",
          GOOGLE_CLIENT_SECRET: "very secret",
          MCP_AUTH_TOKEN: `also secret ${"x".repeat(32)}`
        }
      })
      const connected = yield* connect(proxy.url)
      const env = JSON.parse(textOf(yield* call(connected, "env"))) as Record<string, string>
      assert.strictEqual(env["OWN"], "given-value")
      assert.deepStrictEqual(
        Object.keys(env).filter((name) => /^(MCP_(?!PROXY_TEST)|GOOGLE|GIVEN)/u.test(name)),
        []
      )
      assert.notInclude(proxy.output(), "very secret")
      assert.notInclude(proxy.output(), "also secret")
      assert.notInclude(proxy.output(), "given-value")
      yield* stopped(proxy)
    }).pipe(Effect.scoped)
  )
})
