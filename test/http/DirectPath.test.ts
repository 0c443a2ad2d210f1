/** A POST to the MCP endpoint has two ways: past the router, and, where proxies are trusted, by it. They answer alike. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import { connect } from "node:net"
import { LATEST_LEGACY, LATEST_MODERN, META } from "../../src/domain/Protocol.ts"
import { type Answer, type Asked, MACHINE_KEY, serve, type Served } from "../support/served.ts"

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

const comparable = ({ body, headers, status }: Answer): string =>
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
