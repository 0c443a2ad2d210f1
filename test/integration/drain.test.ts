/** Stopping: who is told, what is still answered, and how clients are sent on their way. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Agent, request as nodeRequest } from "node:http"
import { connect as openSocket } from "node:net"
import { start as startRawHttp } from "../fixtures/raw-http.ts"
import { eventually, rawStdio, readyProxy, type RunningProxy } from "./harness.ts"
import { type Answer, begin, eventsOf, openStream, post, send, toolCall } from "./wire.ts"

const raw = rawStdio()

/** A client that keeps its one connection, as far as the proxy lets it. */
const keptAlive = Effect.acquireRelease(
  Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 1 })),
  (agent) => Effect.sync(() => agent.destroy())
).pipe(
  Effect.map((agent) => ({
    ask: (url: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Effect.Effect<Answer> =>
      Effect.callback((resume) => {
        const options = {
          agent,
          method: body === undefined ? "GET" : "POST",
          headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers }
        }
        nodeRequest(url, options, (response) => {
          let text = ""
          response.on("data", (chunk: Buffer) => (text += chunk.toString()))
          response.on("end", () =>
            resume(
              Effect.succeed({
                status: response.statusCode ?? 0,
                headers: response.headers as Record<string, string>,
                text
              })
            )
          )
        })
          .on("error", (error) => resume(Effect.succeed({ status: 0, headers: {}, text: error.message })))
          .end(body === undefined ? undefined : JSON.stringify(body))
      })
  }))
)

/** A call that is under way for as long as it has steps, a tenth of a second each. */
const underWay = Effect.fnUntraced(function* (proxy: RunningProxy, steps: number) {
  const session = yield* begin(proxy.url)
  const call = yield* openStream(proxy.url, session, JSON.stringify(toolCall("slow", { steps })))
  yield* eventually("the call runs", () => eventsOf(call.text()).length >= 2)
  return call
})

describe("a proxy that is told to stop", () => {
  it.live("serves whoever is connected while calls are in flight, asks them to leave, and takes nobody new", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, env: { MCP_SHUTDOWN_GRACE: "20" } })
      const client = yield* keptAlive
      const session = yield* begin(proxy.url)
      const before = yield* client.ask(proxy.url, toolCall("echo", { a: 1 }), session)
      assert.deepStrictEqual([before.status, before.headers["connection"]], [200, "keep-alive"])
      const call = yield* underWay(proxy, 20)
      yield* proxy.signal("SIGTERM")
      yield* proxy.printed(/Stopping: no new connections/u)
      const during = yield* client.ask(proxy.url, toolCall("echo", { a: 2 }), session)
      assert.deepStrictEqual([during.status, during.headers["connection"]], [200, "close"])
      assert.include(during.text, '{\\"a\\":2}')
      const after = yield* client.ask(proxy.url, toolCall("echo", { a: 3 }), session)
      assert.match(after.text, /ECONNREFUSED/u)
      assert.isFalse(call.ended())
      assert.strictEqual(yield* proxy.exited, 0)
      assert.match(call.text(), /done slowly/u)
    }).pipe(Effect.scoped)
  )

  it.live("with MCP_SHUTDOWN_DELAY is first not ready only, and serves new connections too", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, env: { MCP_SHUTDOWN_DELAY: "1.5" } })
      const session = yield* begin(proxy.url)
      const standing = yield* openStream(proxy.url, session)
      yield* proxy.signal("SIGTERM")
      yield* proxy.printed(/Stopping in 1s 500ms \(MCP_SHUTDOWN_DELAY\)/u)
      const ready = yield* send(`http://localhost:${proxy.port}/ready`)
      assert.deepStrictEqual([ready.status, ready.headers["connection"]], [503, "close"])
      assert.strictEqual((JSON.parse(ready.text) as { readonly status: string }).status, "draining")
      assert.strictEqual((yield* send(`http://localhost:${proxy.port}/health`)).status, 200)
      assert.strictEqual((yield* post(proxy.url, toolCall("echo"), yield* begin(proxy.url))).status, 200)
      assert.isFalse(standing.ended(), "who listens is not sent away to come straight back")
      yield* proxy.printed(/Stopping: no new connections/u)
      yield* eventually("the standing stream is ended", standing.ended)
      assert.strictEqual(yield* proxy.exited, 0)
    }).pipe(Effect.scoped)
  )

  it.live("ends what stands, with the word when to come back, whatever its revision", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      const listen = (revision: string) =>
        Effect.flatMap(begin(proxy.url, revision), (session) => openStream(proxy.url, session))
      const streams = yield* Effect.all([listen("2025-06-18"), listen("2025-11-25")])
      yield* proxy.signal("SIGTERM")
      for (const stream of streams) {
        yield* eventually("the stream is ended", stream.ended)
        assert.match(stream.text(), /retry: \d+\n\n$/u)
      }
      assert.strictEqual(yield* proxy.exited, 0)
    }).pipe(Effect.scoped)
  )

  it.live("is not held up by connections on which nobody asks, or nobody finishes asking", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, env: { MCP_SHUTDOWN_GRACE: "60" } })
      const closed: Array<string> = []
      const open = (name: string, bytes: string) =>
        Effect.callback<void>((resume) => {
          const socket = openSocket(proxy.port, "127.0.0.1", () => {
            socket.write(bytes, () => resume(Effect.void))
          })
          socket.on("error", () => {}).on("close", () => closed.push(name))
        })
      yield* open("silent", "")
      yield* open("half a head", "POST /mcp HTTP/1.1\r\nhost: localhost\r\n")
      const client = yield* keptAlive
      assert.strictEqual((yield* client.ask(`http://localhost:${proxy.port}/health`)).status, 200)
      const started = performance.now()
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 0)
      assert.isBelow(performance.now() - started, 20_000)
      yield* eventually("both are closed", () => closed.length === 2)
    }).pipe(Effect.scoped)
  )

  it.live("is not held up by a remote server that hangs, and answers for it", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.promise(() => startRawHttp()),
        (running) => Effect.promise(() => running.close())
      )
      const proxy = yield* readyProxy({ config: { mcpServers: { remote: { url: server.url } } } })
      const session = yield* begin(proxy.url)
      yield* post(proxy.url, toolCall("echo"), session)
      server.behaviour = { hangs: true }
      const before = server.requests.length
      const hanging = yield* Effect.forkChild(post(proxy.url, toolCall("echo"), session))
      yield* eventually("the call has arrived", () => server.requests.length > before)
      const started = performance.now()
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 0)
      assert.isBelow(performance.now() - started, 20_000)
      assert.match((yield* Fiber.join(hanging)).text, /The request was cancelled/u)
    }).pipe(Effect.scoped)
  )
})
