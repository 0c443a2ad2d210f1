/** A POST to the MCP endpoint has two ways: past the router, and, where proxies are trusted, by it. They answer alike. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as IpNetwork from "effect/net/IpNetwork"
import { createServer, type Server, type ServerResponse } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { LATEST_LEGACY, LATEST_MODERN, META } from "../../src/domain/Protocol.ts"
import * as DirectPath from "../../src/http/DirectPath.ts"
import { Later } from "../../src/http/Later.ts"
import type { Answer } from "../../src/http/McpEndpoint.ts"
import { arrived } from "../support/memoryGateway.ts"
import { type Answer as Got, type Asked, MACHINE_KEY, serve, type Served } from "../support/served.ts"

const HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  authorization: `Bearer ${MACHINE_KEY}`
}

const post = (body: unknown, headers: Readonly<Record<string, string>> = {}): Asked => ({
  method: "POST",
  headers: { ...HEADERS, ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body)
})

const request = (method: string, params: object = {}, id: unknown = 1) => ({ jsonrpc: "2.0", id, method, params })

const INITIALIZE = request("initialize", {
  protocolVersion: LATEST_LEGACY,
  capabilities: {},
  clientInfo: { name: "test", version: "1" }
})

const modern = (method: string, params: object = {}): Asked => {
  const info = { [META.protocolVersion]: LATEST_MODERN, [META.clientCapabilities]: {} }
  const envelope = { ...info, [META.clientInfo]: { name: "test", version: "1" } }
  const name = "name" in params ? { "mcp-name": String(params.name) } : {}
  return post(request(method, { ...params, _meta: envelope }), {
    "mcp-protocol-version": LATEST_MODERN,
    "mcp-method": method,
    ...name
  })
}

const LARGE = "ü".repeat(60_000)

/** Everything that may come in, some of it well-formed; `session` is the id of one that has begun. */
const requests = (session: string): Readonly<Record<string, Asked>> => {
  const own = { "mcp-session-id": session }
  const call = request("tools/call", { name: "github_search", arguments: { q: "ä" } })
  return {
    "a call": post(call, own),
    "a call with a large answer": post(request("tools/call", { name: "github_search", arguments: { q: LARGE } }), own),
    "a list": post(request("tools/list"), own),
    "a call that is answered by a stream": post(call, { ...own, accept: "text/event-stream" }),
    "a notification": post({ jsonrpc: "2.0", method: "notifications/initialized" }, own),
    "an unknown method": post(request("no/such"), own),
    "an unknown tool": post(request("tools/call", { name: "nothing" }), own),
    "a beginning": post(INITIALIZE),
    "a second beginning": post(INITIALIZE, own),
    "no session": post(call),
    "an unknown session": post(call, { "mcp-session-id": "none" }),
    "no JSON": post("{", own),
    "no message": post("[]", own),
    "no token": { ...post(call, own), headers: { ...HEADERS, ...own, authorization: "" } },
    "a wrong token": post(call, { ...own, authorization: "Bearer wrong" }),
    "another content type": post(call, { ...own, "content-type": "text/plain" }),
    "another encoding": post(call, { ...own, "content-encoding": "br" }),
    "nothing acceptable": post(call, { ...own, accept: "image/png" }),
    "another host": post(call, { ...own, host: "evil.example" }),
    "a page's origin": post(call, { ...own, origin: "https://mcp.example.com" }),
    "another page's origin": post(call, { ...own, origin: "https://evil.example" }),
    "an unknown revision": post(call, { ...own, "mcp-protocol-version": "1999-01-01" }),
    "a modern call": modern("tools/call", { name: "github_search", arguments: {} }),
    "a modern discovery": modern("server/discover"),
    "a modern call without its header": { ...modern("tools/list"), headers: HEADERS }
  }
}

const BYTES_OF_OURS = /"(mcp-session-id|date|keep-alive)":"[^"]*",?/gu

const comparable = ({ body, headers, status }: Got): string =>
  JSON.stringify([status, Object.entries(headers).sort(), body.replaceAll(/^(id|retry):.*$/gmu, "$1")])
    .replaceAll(/\["(mcp-session-id|date|keep-alive)","[^"]*"\],?/gu, "")
    .replaceAll(BYTES_OF_OURS, "")

const begin = (served: Served) =>
  Effect.map(served.ask("/mcp", post(INITIALIZE)), ({ headers }) => headers["mcp-session-id"] ?? "")

const proxies = [IpNetwork.fromStringUnsafe("10.0.0.0/8")]

describe("the direct path", () => {
  it.live("answers like the router", () =>
    Effect.gen(function* () {
      const direct = yield* serve()
      const routed = yield* serve({ trustedProxies: proxies })
      const theirs = requests(yield* begin(routed))
      const statuses = new Set<number>()
      for (const [name, asked] of Object.entries(requests(yield* begin(direct)))) {
        const answer = yield* direct.ask("/mcp", asked)
        assert.strictEqual(comparable(answer), comparable(yield* routed.ask("/mcp", theirs[name]!)), name)
        statuses.add(answer.status)
      }
      assert.deepStrictEqual(
        [...statuses].sort((a, b) => a - b),
        [200, 202, 400, 401, 403, 404, 406, 415]
      )
    }).pipe(Effect.scoped)
  )

  it.live("leaves everything else to the router", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const session = yield* begin(served)
      const headers = { ...HEADERS, "mcp-session-id": session }
      assert.strictEqual((yield* served.ask("/mcp/", post(INITIALIZE))).status, 200)
      assert.strictEqual((yield* served.ask("/mcp?x=1", post(INITIALIZE))).status, 200)
      assert.strictEqual((yield* served.ask("/mcp/github", post(INITIALIZE))).status, 200)
      assert.strictEqual((yield* served.ask("/mcp", { method: "PUT", headers })).status, 405)
      assert.strictEqual((yield* served.ask("/mcp", { method: "OPTIONS", headers })).status, 204)
      assert.strictEqual((yield* served.ask("/mcp", { method: "DELETE", headers })).status, 200)
    }).pipe(Effect.scoped)
  )

  it.live("is below the prefix where there is one", () =>
    Effect.gen(function* () {
      const served = yield* serve({ pathPrefix: "/gateway" })
      assert.strictEqual((yield* served.ask("/gateway/mcp", post(INITIALIZE))).status, 200)
      assert.strictEqual((yield* served.ask("/mcp", post(INITIALIZE))).status, 404)
    }).pipe(Effect.scoped)
  )

  it.live("takes a small body in as many pieces as it comes in, and forgets one that breaks off", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const body = JSON.stringify(INITIALIZE)
      const head = `POST /mcp HTTP/1.1\r\nhost: ${served.host}\r\nauthorization: Bearer ${MACHINE_KEY}\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
      const spoken = (...pieces: ReadonlyArray<string>) =>
        Effect.callback<string>((resume) => {
          const socket = connect({ port: served.port, host: "127.0.0.1", noDelay: true })
          let text = ""
          socket.on("data", (chunk) => {
            text += chunk.toString()
            if (text.includes("serverInfo")) socket.destroy()
          })
          socket.on("close", () => resume(Effect.succeed(text)))
          socket.on("error", () => {})
          const say = (index: number): void => {
            const piece = pieces[index]
            if (piece === undefined) return
            if (piece === "BREAK") socket.destroy()
            else socket.write(piece, () => setImmediate(() => say(index + 1)))
          }
          say(0)
        })
      assert.strictEqual(yield* spoken(head, body.slice(0, 10), "BREAK"), "")
      assert.match(yield* spoken(head, body.slice(0, 10), body.slice(10, 50), body.slice(50)), /^HTTP\/1\.1 200 /u)
    }).pipe(Effect.scoped)
  )

  it.live("does not wait for the rest of a body that it refuses, and closes the connection", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const heard = yield* Effect.callback<string>((resume) => {
        const socket = connect(served.port, "127.0.0.1")
        let text = ""
        socket.on("data", (chunk) => (text += chunk.toString()))
        socket.on("close", () => resume(Effect.succeed(text)))
        socket.on("error", () => {})
        socket.write(
          `POST /mcp HTTP/1.1\r\nhost: ${served.host}\r\nauthorization: Bearer ${MACHINE_KEY}\r\naccept: */*\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n{`
        )
      })
      assert.match(heard, /^HTTP\/1\.1 413 /u)
    }).pipe(Effect.scoped)
  )
})

/** A server of its own on which the path is the only way, and every answer of `handle` goes by it. */
const alone = Effect.fnUntraced(function* (
  handle: Effect.Effect<Answer>,
  came: (outgoing: ServerResponse) => void = () => {}
) {
  const direct = yield* DirectPath.make("/mcp", () => handle)
  const taken: Array<boolean> = []
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const made = createServer((incoming, outgoing) => {
        came(outgoing)
        incoming.resume().once("end", () => {
          taken.push(direct(incoming, outgoing))
          if (taken.at(-1) === false) outgoing.end("not taken")
        })
      })
      made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
    }),
    (made) => Effect.sync(() => made.close().closeAllConnections())
  )
  const { port } = server.address() as AddressInfo
  const ask = (path: string, method: string, signal?: AbortSignal) =>
    Effect.promise(() =>
      fetch(`http://127.0.0.1:${port}${path}`, { method, ...(signal === undefined ? {} : { signal }) })
    )
  return { ask, taken }
})

describe("a request on the direct path", () => {
  it.live("is one POST to that path, whatever its answer is made of", () =>
    Effect.gen(function* () {
      const answers = [
        HttpServerResponse.uint8Array(new Uint8Array([0xff, 0x00, 0xc3]), { contentType: "application/json" }),
        HttpServerResponse.uint8Array(new Uint8Array(100_000).fill(0xe9), { contentType: "application/json" }),
        HttpServerResponse.stream(Stream.make(new Uint8Array([1]), new Uint8Array([2]))),
        HttpServerResponse.empty({ status: 202 })
      ]
      const { ask, taken } = yield* alone(Effect.sync(() => answers.shift() ?? HttpServerResponse.empty()))
      const bytes = Effect.fnUntraced(function* () {
        const answer = yield* ask("/mcp", "POST")
        return [...new Uint8Array(yield* Effect.promise(() => answer.arrayBuffer()))]
      })
      assert.deepStrictEqual(yield* bytes(), [0xff, 0x00, 0xc3])
      assert.deepStrictEqual(
        yield* bytes(),
        Array.from({ length: 100_000 }, () => 0xe9)
      )
      assert.deepStrictEqual(yield* bytes(), [1, 2])
      assert.strictEqual((yield* ask("/mcp", "POST")).status, 202)
      yield* ask("/mcp", "GET")
      yield* ask("/mcp/x", "POST")
      assert.deepStrictEqual(taken, [true, true, true, true, false, false])
    }).pipe(Effect.scoped)
  )

  it.live("is written once all that were ready in the same turn have been dealt with", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const all = yield* Deferred.make<void>()
      const order: Array<string> = []
      let count = 0
      const handled = Effect.sync(() => {
        order.push("handled")
        return HttpServerResponse.uint8Array(new Uint8Array([1]))
      })
      const handle = Effect.suspend(() => {
        if (++count === 3) Deferred.doneUnsafe(all, Exit.void)
        return Effect.andThen(Deferred.await(go), handled)
      })
      const { ask } = yield* alone(handle, (outgoing) => {
        const writeHead = outgoing.writeHead.bind(outgoing)
        outgoing.writeHead = ((...head: Parameters<typeof writeHead>) => {
          order.push("written")
          return writeHead(...head)
        }) as typeof outgoing.writeHead
      })
      const asking = yield* Effect.forkScoped(
        Effect.all([ask("/mcp", "POST"), ask("/mcp", "POST"), ask("/mcp", "POST")], { concurrency: "unbounded" })
      )
      yield* Deferred.await(all)
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(asking)
      assert.deepStrictEqual(order, ["handled", "handled", "handled", "written", "written", "written"])
    }).pipe(Effect.scoped)
  )

  it.live("whose answer cannot be written is answered 500, and the others all the same", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const all = yield* Deferred.make<void>()
      let count = 0
      const handle = Effect.suspend(() => {
        const number = ++count
        if (number === 2) Deferred.doneUnsafe(all, Exit.void)
        const headers = number === 1 ? { "x-broken": "a\nb" } : {}
        return Effect.as(Deferred.await(go), HttpServerResponse.uint8Array(new Uint8Array([1]), { headers }))
      })
      const { ask } = yield* alone(handle)
      const asking = yield* Effect.forkScoped(
        Effect.all([ask("/mcp", "POST"), ask("/mcp", "POST")], { concurrency: "unbounded" })
      )
      yield* Deferred.await(all)
      yield* Deferred.succeed(go, undefined)
      const statuses = (yield* Fiber.join(asking)).map(({ status }) => status)
      assert.deepStrictEqual(
        statuses.sort((a, b) => a - b),
        [200, 500]
      )
    }).pipe(Effect.scoped)
  )

  it.live("whose handler dies is answered 500, however it dies", () =>
    Effect.gen(function* () {
      const death = Effect.die(new Error("on purpose"))
      const later = new Later<HttpServerResponse.HttpServerResponse>((hear) => hear(() => death))
      const throwing = new Later<HttpServerResponse.HttpServerResponse>(() => {
        throw new Error("on purpose")
      })
      const deaths: Array<Effect.Effect<Answer>> = [
        death,
        Effect.succeed(later),
        Effect.delay(Effect.succeed(later), "1 millis")
      ]
      deaths.push(Effect.succeed(throwing), Effect.delay(Effect.succeed(throwing), "1 millis"))
      for (const one of deaths) {
        const { ask } = yield* alone(one)
        assert.strictEqual((yield* ask("/mcp", "POST")).status, 500)
      }
    }).pipe(Effect.scoped)
  )

  it.live("whose answer comes later is answered then, whether it was known at once or is a stream", () =>
    Effect.gen(function* () {
      const heard: Array<(answer: () => Effect.Effect<HttpServerResponse.HttpServerResponse>) => void> = []
      const { ask } = yield* alone(Effect.sync(() => new Later((hear) => void heard.push(hear))))
      const asking = yield* Effect.forkScoped(
        Effect.forEach(
          [1, 2, 3],
          () => Effect.flatMap(ask("/mcp", "POST"), (answer) => Effect.promise(() => answer.arrayBuffer())),
          { concurrency: "unbounded" }
        )
      )
      yield* arrived(() => heard.length === 3)
      const stream = HttpServerResponse.stream(Stream.make(new Uint8Array([2]), new Uint8Array([2])))
      heard[0]?.(() => Effect.succeed(HttpServerResponse.uint8Array(new Uint8Array([1]))))
      heard[1]?.(() => Effect.delay(Effect.succeed(stream), "5 millis"))
      heard[2]?.(() => Effect.succeed(HttpServerResponse.uint8Array(new Uint8Array(20_000))))
      const lengths = (yield* Fiber.join(asking)).map(({ byteLength }) => byteLength)
      assert.deepStrictEqual(
        lengths.sort((a, b) => a - b),
        [1, 2, 20_000]
      )
    }).pipe(Effect.scoped)
  )

  it.live("whose answer comes when its client is gone is not answered, and the next one is", () =>
    Effect.gen(function* () {
      const heard: Array<(answer: () => Effect.Effect<HttpServerResponse.HttpServerResponse>) => void> = []
      let isGone = false
      const { ask } = yield* alone(
        Effect.sync(() => new Later((hear) => void heard.push(hear))),
        (outgoing) => outgoing.once("close", () => (isGone = true))
      )
      yield* Effect.flatMap(Effect.abortSignal, (signal) => ask("/mcp", "POST", signal)).pipe(
        Effect.scoped,
        Effect.exit,
        Effect.raceFirst(arrived(() => heard.length === 1))
      )
      yield* arrived(() => isGone)
      heard[0]?.(() => Effect.succeed(HttpServerResponse.empty()))
      const next = yield* Effect.forkScoped(ask("/mcp", "POST"))
      yield* arrived(() => heard.length === 2)
      heard[1]?.(() => Effect.succeed(HttpServerResponse.empty({ status: 202 })))
      assert.strictEqual((yield* Fiber.join(next)).status, 202)
    }).pipe(Effect.scoped)
  )

  it.live("whose client goes away is given up", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const givenUp = yield* Deferred.make<void>()
      const wait = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const { ask } = yield* alone(Effect.onInterrupt(wait, () => Deferred.succeed(givenUp, undefined)))
      const asking = yield* Effect.forkScoped(
        Effect.flatMap(Effect.abortSignal, (signal) => ask("/mcp", "POST", signal)).pipe(Effect.scoped, Effect.exit)
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(asking)
      yield* Deferred.await(givenUp)
    }).pipe(Effect.scoped)
  )

  it.live("whose answer is a stream that breaks is not taken for answered", () =>
    Effect.gen(function* () {
      const broken = Stream.concat(Stream.make(new Uint8Array([1])), Stream.die(new Error("on purpose")))
      const { ask } = yield* alone(Effect.succeed(HttpServerResponse.stream(broken)))
      const whole = Effect.flatMap(ask("/mcp", "POST"), (answer) => Effect.promise(() => answer.arrayBuffer()))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(whole)))
    }).pipe(Effect.scoped)
  )

  it.live("whose answer is a stream ends it when its client goes away", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const endless = Stream.concat(Stream.make(new Uint8Array([1])), Stream.never)
      const body = Stream.ensuring(endless, Deferred.succeed(ended, undefined))
      const { ask } = yield* alone(Effect.succeed(HttpServerResponse.stream(body)))
      yield* Effect.flatMap(Effect.abortSignal, (signal) => ask("/mcp", "POST", signal)).pipe(Effect.scoped)
      yield* Deferred.await(ended)
    }).pipe(Effect.scoped)
  )

  it.live("whose answer is a stream is sent no faster than it is read", () =>
    Effect.gen(function* () {
      const PIECE = 64 * 1024
      /** More than all buffers on the way take. */
      const AHEAD = 32 * 1024 * 1024
      let sent = 0
      const endless = Stream.fromEffectRepeat(Effect.sync(() => ((sent += PIECE), new Uint8Array(PIECE))))
      const { ask } = yield* alone(Effect.succeed(HttpServerResponse.stream(endless)))
      const reader = (yield* ask("/mcp", "POST")).body!.getReader()
      for (let read = 0; read < 2 * AHEAD;) {
        read += (yield* Effect.promise(() => reader.read())).value?.length ?? 0
        assert.isBelow(sent - read, AHEAD)
      }
    }).pipe(Effect.scoped)
  )
})
