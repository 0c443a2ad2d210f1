/** Remote servers that misbehave: each has the promised status and error, and what can be mended is mended unseen. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { start } from "../fixtures/raw-http.ts"
import { call, connect, textOf } from "./client.ts"
import { eventually, freePort, readyProxy, startProxy } from "./harness.ts"

const rawHttp = (port?: number) =>
  Effect.acquireRelease(
    Effect.promise(() => start(port)),
    (server) => Effect.promise(() => server.close())
  )

const count = (journal: ReadonlyArray<string>, entry: string): number => journal.filter((one) => one === entry).length

describe("a remote server that", () => {
  it.live("ends its stream without the answer leaves the call with an unknown outcome", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url } } } })
      const connected = yield* connect(proxy.url)
      const error = yield* Effect.flip(call(connected, "cut"))
      assert.match(error.message, /Outcome unknown: .*the answering stream ended without the answer/u)
      assert.strictEqual(textOf(yield* call(connected, "echo", { still: "works" })), '{"still":"works"}')
      assert.strictEqual(count(server.journal, "call cut"), 1, "it is never called a second time")
    }).pipe(Effect.scoped)
  )

  it.live("ends its stream on purpose is polled, and so is the proxy", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url } } } })
      const connected = yield* connect(proxy.url)
      assert.strictEqual(textOf(yield* call(connected, "poll")), "waited for you")
      assert.strictEqual(count(server.journal, "call poll"), 1)
      assert.isAtLeast(count(server.journal, "resume"), 1)
    }).pipe(Effect.scoped)
  )

  it.live("forgets its sessions is given new ones, and nobody notices", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url } } } })
      const connected = yield* connect(proxy.url)
      yield* call(connected, "expire")
      const results = yield* Effect.all(
        Array.from({ length: 8 }, (_, n) => call(connected, "echo", { n })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        results.map(textOf),
        Array.from({ length: 8 }, (_, n) => `{"n":${n}}`)
      )
      yield* call(connected, "expire")
      assert.strictEqual(textOf(yield* call(connected, "echo", { again: true })), '{"again":true}')
    }).pipe(Effect.scoped)
  )

  it.live("refuses our credentials says so in its status, with the HTTP status", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      server.behaviour = { always: { status: 401, body: "who are you?" } }
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url } } } })
      yield* proxy.printed(
        /remote failed \(credentials refused; a call may try again in 30 s\): it refused our credentials \(HTTP 401\): who are you\?/u
      )
    }).pipe(Effect.scoped)
  )

  it.live("keeps failing calls is not called for a while, which the caller and /ready are told", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const breaker = { failures: 2, rest: "1 minute" }
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url, breaker } } } })
      const connected = yield* connect(proxy.url)
      for (let i = 0; i < 2; i++) yield* Effect.flip(call(connected, "html500"))
      // Sessions have connections of their own, and what they found out in common.
      const other = yield* connect(proxy.url)
      const error = yield* Effect.flip(call(other, "echo"))
      assert.match(
        error.message,
        /Server "remote" is not called for another \d+ s: calls to it kept failing, at last because .*HTTP 500/u
      )
      const { data } = error.cause as { readonly data: { readonly retryAfterMillis: number } }
      assert.isAbove(data.retryAfterMillis, 0)
      assert.strictEqual(count(server.journal, "call html500"), 2)
      assert.strictEqual(count(server.journal, "call echo"), 0)
      yield* proxy.printed(/WARNING.*remote is not called for another 60 s: calls to it kept failing/u)
      const ready = yield* Effect.promise(async () => {
        const response = await fetch(`http://localhost:${proxy.port}/ready`)
        return (await response.json()) as { readonly upstreams: ReadonlyArray<Record<string, unknown>> }
      })
      const [{ circuit, failure, note, status } = {}] = ready.upstreams
      assert.deepStrictEqual({ circuit, failure, status }, { circuit: "open", failure: "crash", status: "ready" })
      assert.match(String(note), /^not called for another \d+ s: calls to it kept failing/u)
    }).pipe(Effect.scoped)
  )

  it.live("redirects elsewhere is not followed there, credentials and all", () =>
    Effect.gen(function* () {
      const elsewhere = yield* rawHttp()
      const server = yield* rawHttp()
      server.behaviour = { redirect: elsewhere.url }
      const headers = { Authorization: "Bearer own-secret" }
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url, headers } } } })
      yield* proxy.printed(/it redirects to http:\/\/127\.0\.0\.1:\d+; give that address as the url if it is right/u)
      assert.deepStrictEqual(elsewhere.journal, [])
      assert.notInclude(proxy.output(), "own-secret")
    }).pipe(Effect.scoped)
  )

  it.live("puts its error into an HTTP error is quoted", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url } } } })
      const connected = yield* connect(proxy.url)
      assert.match((yield* Effect.flip(call(connected, "error400"))).message, /-32099: in an HTTP error/u)
      const error = yield* Effect.flip(call(connected, "html500"))
      assert.match(
        error.message,
        /Outcome unknown: server "remote" failed during the call \(it answered HTTP 500: Internal Server Error\)/u
      )
      assert.strictEqual(textOf(yield* call(connected, "batch")), "in a batch")
    }).pipe(Effect.scoped)
  )

  it.live("is not there yet is connected to when it comes", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const proxy = yield* startProxy({
        config: { mcpServers: { late: { url: `http://127.0.0.1:${port}/mcp` } } },
        env: { MCP_RESTART_DELAY: "0.3" }
      })
      yield* proxy.printed(/late backing off .*ECONNREFUSED/u)
      yield* rawHttp(port)
      yield* proxy.printed(/late ready in/u)
      const connected = yield* connect(proxy.url)
      assert.strictEqual(textOf(yield* call(connected, "echo")), "{}")
    }).pipe(Effect.scoped)
  )

  it.live("never sees the caller's credentials, cookies or headers", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const headers = { "X-Own": "configured" }
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url, headers } } } })
      const begin = yield* Effect.promise(() =>
        fetch(proxy.url, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            authorization: "Bearer caller",
            cookie: "a=b",
            "x-caller": "1"
          },
          body: JSON.stringify({
            jsonrpc: "2.0",
            id: 1,
            method: "initialize",
            params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } }
          })
        })
      )
      const answer = yield* Effect.promise(async () => {
        const response = await fetch(proxy.url, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            authorization: "Bearer caller",
            cookie: "a=b",
            "x-caller": "1",
            "mcp-session-id": begin.headers.get("mcp-session-id") ?? ""
          },
          body: JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "headers" } })
        })
        return (await response.json()) as { result: { content: ReadonlyArray<{ text: string }> } }
      })
      const seen = JSON.parse(answer.result.content[0]?.text ?? "{}") as Record<string, string>
      assert.strictEqual(seen["x-own"], "configured")
      assert.notProperty(seen, "authorization")
      assert.notProperty(seen, "cookie")
      assert.notProperty(seen, "x-caller")
    }).pipe(Effect.scoped)
  )

  it.live("is told the end of each session", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url } } } })
      const connected = yield* connect(proxy.url)
      yield* call(connected, "echo")
      assert.strictEqual(server.sessions.size, 2, "one to watch over it, one for the client")
      yield* Effect.promise(() => connected.transport.terminateSession())
      yield* eventually("the client's session is ended", () => server.sessions.size === 1)
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 0)
      assert.strictEqual(server.sessions.size, 0)
    }).pipe(Effect.scoped)
  )
})
