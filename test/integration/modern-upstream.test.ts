/** Servers of both eras as they really are: settled, listed, called, listened to, and remembered. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Json from "../../src/domain/Json.ts"
import { META } from "../../src/domain/Protocol.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import type { Outgoing } from "../../src/upstream/Upstream.ts"
import { start } from "../fixtures/modern-http.ts"
import { eventually, fixture, readyProxy, startProxy } from "./harness.ts"
import { call, handlers, http, stdio, supervise } from "./supervised.ts"

const modernHttp = Effect.acquireRelease(
  Effect.promise(() => start()),
  (server) => Effect.promise(() => server.close())
)

describe("a modern server over HTTP", () => {
  it.live("is known for what it is, and each request to it stands alone", () =>
    Effect.gen(function* () {
      const server = yield* modernHttp
      const { state, tools, upstream, verdict } = yield* supervise(http(server.url))
      const { peer, hints, status } = state()
      assert.strictEqual(status._tag, "Ready")
      assert.deepStrictEqual(
        [peer?.era, peer?.revision, peer?.name, peer?.version, peer?.instructions],
        ["modern", "2026-07-28", "modern", "2.0.0", "Be kind."]
      )
      assert.deepStrictEqual(tools(), ["echo", "pid"])
      assert.deepStrictEqual(hints.tools, { ttlMs: 60_000, cacheScope: "public" })
      assert.deepStrictEqual(yield* call(upstream, "echo", { region: "us" }), ["modern", '{"region":"us"}'])
      assert.strictEqual(yield* verdict, "modern")
      for (const request of server.requests) {
        assert.strictEqual(request.method, "POST")
        assert.strictEqual(request["mcp-protocol-version"], "2026-07-28")
        assert.notProperty(request, "mcp-session-id")
      }
      const methods = server.requests.map((request) => request["mcp-method"])
      assert.deepStrictEqual(methods.slice(0, 2), ["server/discover", "subscriptions/listen"])
      assert.strictEqual(server.requests.at(-1)?.["mcp-name"], "echo")
    }).pipe(Effect.scoped)
  )

  it.live("that wants headers it did not want before is asked for its tools, and called again", () =>
    Effect.gen(function* () {
      const server = yield* modernHttp
      const { upstream } = yield* supervise(http(server.url))
      server.state.isMirrored = true
      assert.deepStrictEqual(yield* call(upstream, "echo", { region: "ü" }), ["modern", '{"region":"ü"}'])
      assert.strictEqual(server.requests.at(-1)?.["mcp-param-region"], "=?base64?w7w=?=")
    }).pipe(Effect.scoped)
  )

  it.live("answers with its errors, whatever their HTTP status", () =>
    Effect.gen(function* () {
      const server = yield* modernHttp
      const { upstream } = yield* supervise(http(server.url))
      const method = "no/such/method"
      const request: Outgoing = {
        method,
        encode: (id) => [
          Json.encode({
            jsonrpc: "2.0",
            id,
            method,
            params: { _meta: { [META.protocolVersion]: "2026-07-28", [META.clientCapabilities]: {} } }
          })
        ]
      }
      const { frame } = yield* upstream.call(request, handlers)
      assert.include(Buffer.from(frame.bytes).toString(), "-32601")
      assert.deepStrictEqual(yield* call(upstream, "echo"), ["modern", "{}"], "and the connection stands")
    }).pipe(Effect.scoped)
  )

  it.live("that breaks its stream leaves the call with an unknown outcome, and it is not made again", () =>
    Effect.gen(function* () {
      const server = yield* modernHttp
      const { upstream } = yield* supervise(http(server.url))
      const error = yield* Effect.flip(call(upstream, "cut"))
      assert.strictEqual(error._tag, "OutcomeUnknown")
      assert.strictEqual(server.requests.filter((request) => request["mcp-name"] === "cut").length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("that was remembered as legacy is found out, and remembered for what it is", () =>
    Effect.gen(function* () {
      const server = yield* modernHttp
      const { state, verdict } = yield* supervise(http(server.url), { remembered: "legacy" })
      assert.strictEqual(state().peer?.era, "modern")
      assert.strictEqual(yield* verdict, "modern")
    }).pipe(Effect.scoped)
  )

  it.live("that gives way to a legacy one is found out by the next call, which is made there", () =>
    Effect.gen(function* () {
      const server = yield* modernHttp
      const { state, upstream, verdict } = yield* supervise(http(server.url))
      assert.strictEqual(state().peer?.era, "modern")
      server.state.isLegacy = true
      assert.deepStrictEqual(yield* call(upstream, "echo", { a: 1 }), ["legacy", '{"a":1}'])
      assert.strictEqual(yield* verdict, "legacy")
    }).pipe(Effect.scoped)
  )

  it.live("is listened to: changed lists, and resources that somebody watches", () =>
    Effect.gen(function* () {
      const server = yield* modernHttp
      const { events, tools, upstream } = yield* supervise(http(server.url))
      assert.strictEqual(server.listeners(), 1)
      server.state.hasGrown = true
      server.notify.toolsChanged()
      yield* eventually("the new tool is listed", () => tools().includes("grown"))
      upstream.watch("test://note", SessionKey.make("s"))
      const updated = () => {
        server.notify.resourceUpdated("test://note")
        return events.some((event) => event._tag === "ResourceUpdated" && event.uri === "test://note")
      }
      yield* eventually("the watched resource is told of", updated)
      yield* eventually("one stream is left", () => server.listeners() === 1)
      assert.isTrue(upstream.unwatch("test://note", SessionKey.make("s")))
    }).pipe(Effect.scoped)
  )

  it.live("is listened to again after the stream broke, and what it had missed is fetched", () =>
    Effect.gen(function* () {
      const server = yield* modernHttp
      const { tools } = yield* supervise(http(server.url))
      server.cutListeners()
      server.state.hasGrown = true
      yield* eventually("it is listened to again", () => tools().includes("grown"))
      assert.strictEqual(server.listeners(), 1)
    }).pipe(Effect.scoped)
  )
})

describe("a modern server over standard input and output", () => {
  it.live("is one process, called, and listened to", () =>
    Effect.gen(function* () {
      const journal = join(mkdtempSync(join(tmpdir(), "mcp-proxy-journal-")), "journal")
      const { state, tools, upstream, verdict } = yield* supervise({
        transport: stdio(fixture("modern-stdio.ts"), "--journal", journal)
      })
      assert.strictEqual(state().peer?.era, "modern")
      assert.deepStrictEqual(yield* call(upstream, "echo", { a: 1 }), ["modern", '{"a":1}'])
      assert.strictEqual(yield* verdict, "modern")
      const [, pid] = yield* call(upstream, "pid")
      process.kill(Number(pid), "SIGUSR2")
      yield* eventually("the new tool is listed", () => tools().includes("grown"))
      assert.strictEqual(readFileSync(journal, "utf8"), "start\n")
    }).pipe(Effect.scoped)
  )
})

describe("a legacy server", () => {
  const legacy = (...args: ReadonlyArray<string>) => {
    const journal = join(mkdtempSync(join(tmpdir(), "mcp-proxy-journal-")), "journal")
    const entry = { command: process.execPath, args: [fixture("raw-stdio.ts"), ...args, "--journal", journal] }
    const lines = () => readFileSync(journal, "utf8").trim().split("\n")
    // As text, so that it is the same for two proxies.
    return { config: JSON.stringify({ mcpServers: { raw: entry } }), lines }
  }
  const sayings = (lines: ReadonlyArray<string>) => lines.filter((line) => !line.startsWith("stdin"))

  it.live("that ends over the question is started once more, is no crash, and is not asked again after a restart", () =>
    Effect.gen(function* () {
      const { config, lines } = legacy("--exit-early")
      const first = yield* readyProxy({ config })
      assert.match(first.output(), /raw ended when asked with server\/discover, so it is taken for a legacy server/u)
      assert.match(first.output(), /raw ready in/u)
      assert.notMatch(first.output(), /backing off|exited/u)
      const begun = ["start", "server/discover", "start", "initialize", "notifications/initialized", "tools/list"]
      assert.deepStrictEqual(sayings(lines()), begun)
      yield* first.signal("SIGTERM")
      yield* first.exited
      const second = yield* startProxy({ config, folder: first.folder })
      yield* second.printed(/raw ready in/u)
      assert.deepStrictEqual(sayings(lines()).slice(begun.length), [
        "start",
        "initialize",
        "notifications/initialized",
        "tools/list"
      ])
    }).pipe(Effect.scoped)
  )

  it.live("that says nothing to the question is initialized on the same process", () =>
    Effect.gen(function* () {
      const { config, lines } = legacy("--ignore-early")
      yield* readyProxy({ config })
      assert.deepStrictEqual(sayings(lines()), [
        "start",
        "server/discover",
        "initialize",
        "notifications/initialized",
        "tools/list"
      ])
    }).pipe(Effect.scoped)
  )
})
