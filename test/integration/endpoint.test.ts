/** The endpoint on the wire: statuses, sessions, versions, batches, whom it serves and whom not. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fixture, readyProxy, type RunningProxy } from "./harness.ts"
import { begin, eventsOf, initialize, messageOf, post, send } from "./wire.ts"

const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }
const LIST = { jsonrpc: "2.0", id: 1, method: "tools/list" }
const echo = (args: object, id: unknown = 1) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: "echo", arguments: args }
})

/** Runs against a proxy with one server, unless told otherwise. */
const withProxy = (
  run: (proxy: RunningProxy) => Effect.Effect<void>,
  options: {
    readonly servers?: Record<string, Record<string, unknown>>
    readonly gateway?: object
    readonly env?: Record<string, string>
  } = {}
) =>
  Effect.flatMap(
    readyProxy({
      config: {
        mcpServers: options.servers ?? { raw },
        ...(options.gateway === undefined ? {} : { gateway: options.gateway })
      },
      ...(options.env === undefined ? {} : { env: options.env })
    }),
    run
  ).pipe(Effect.scoped)

describe("a POST", () => {
  it.live("without session, with an unknown one, or one of another endpoint is refused as the revision says", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const missing = yield* post(proxy.url, LIST)
        assert.deepStrictEqual([missing.status, messageOf(missing).error?.code], [400, -32000])
        const unknown = yield* post(proxy.url, LIST, { "mcp-session-id": "made-up" })
        assert.deepStrictEqual([unknown.status, messageOf(unknown).error?.code], [404, -32001])
        const session = yield* begin(proxy.url)
        assert.strictEqual((yield* post(proxy.url, LIST, session)).status, 200)
        assert.strictEqual((yield* post(`${proxy.url}/raw`, LIST, session)).status, 404, "of /mcp at /mcp/raw")
        const own = yield* begin(`${proxy.url}/raw`)
        assert.strictEqual((yield* post(proxy.url, LIST, own)).status, 404, "of /mcp/raw at /mcp")
        assert.strictEqual((yield* post(`${proxy.url}/raw`, LIST, own)).status, 200)
        const tampered = { "mcp-session-id": `${session["mcp-session-id"].slice(0, -2)}xx` }
        assert.strictEqual((yield* post(proxy.url, LIST, tampered)).status, 404)
      })
    )
  )

  it.live("after DELETE of its session is 404, also when the proxy has restarted meanwhile", () =>
    Effect.gen(function* () {
      const first = yield* readyProxy({ config: { mcpServers: { raw } } })
      const session = yield* begin(first.url)
      const kept = yield* begin(first.url)
      assert.strictEqual((yield* send(first.url, { method: "DELETE", headers: session })).status, 200)
      assert.strictEqual((yield* post(first.url, LIST, session)).status, 404)
      assert.strictEqual((yield* send(first.url, { method: "DELETE", headers: session })).status, 404)
      yield* first.signal("SIGTERM")
      yield* first.exited
      const second = yield* readyProxy({ config: { mcpServers: { raw } }, folder: first.folder })
      assert.strictEqual((yield* post(second.url, LIST, session)).status, 404, "the deleted one")
      assert.strictEqual((yield* post(second.url, LIST, kept)).status, 200, "the other one goes on")
    }).pipe(Effect.scoped)
  )

  it.live("that is not what it should be is refused: type, size, syntax, shape", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const session = yield* begin(proxy.url)
        const status = (body: unknown, headers: Record<string, string | undefined> = {}) =>
          Effect.map(post(proxy.url, body, { ...session, ...headers }), (answer) => [
            answer.status,
            answer.text === "" ? undefined : messageOf(answer).error?.code
          ])
        assert.deepStrictEqual(yield* status(LIST, { "content-type": "text/plain" }), [415, -32000])
        assert.deepStrictEqual(yield* status(LIST, { accept: "text/html" }), [406, -32000])
        assert.deepStrictEqual(yield* status("{"), [400, -32700])
        assert.deepStrictEqual(yield* status(new Uint8Array([0x7b, 0xff, 0x7d])), [400, -32700])
        assert.deepStrictEqual(yield* status("[]"), [400, -32600])
        assert.deepStrictEqual(yield* status({ id: 1, method: "ping" }), [400, -32600])
        assert.deepStrictEqual(
          yield* status('{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}'),
          [400, -32600]
        )
        assert.deepStrictEqual(
          yield* status('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"exit"}}'),
          [400, -32600]
        )
        assert.deepStrictEqual(yield* status([LIST]), [400, -32600], "a batch in a revision without them")
        assert.deepStrictEqual(yield* status({ jsonrpc: "2.0", id: 1, method: "no/such" }), [200, -32601])
        assert.deepStrictEqual(
          yield* status({ jsonrpc: "2.0", id: 1, method: "tools/call", params: {} }),
          [200, -32602]
        )
        const huge = yield* send(proxy.url, {
          method: "POST",
          headers: { ...session, "content-type": "application/json", "content-length": String(65 * 1024 * 1024) },
          body: "{"
        })
        assert.strictEqual(huge.status, 413)
      })
    )
  )

  it.live("of ten megabytes is answered whole", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const session = yield* begin(proxy.url)
        const text = "ä".repeat(5_000_000)
        const answer = yield* post(proxy.url, echo({ text }), session)
        const { content } = (messageOf(answer) as { result: { content: ReadonlyArray<{ text: string }> } }).result
        assert.isTrue(content[0]?.text === JSON.stringify({ text }))
      })
    )
  )

  it.live("is served leniently: no Accept, any Accept, no version header, a trailing slash", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const session = yield* begin(proxy.url)
        for (const headers of [{ accept: undefined }, { accept: "*/*" }, { accept: "application/json" }, {}]) {
          assert.strictEqual((yield* post(proxy.url, LIST, { ...session, ...headers })).status, 200)
        }
        assert.strictEqual((yield* post(`${proxy.url}/`, LIST, session)).status, 200)
        const streamed = yield* post(proxy.url, LIST, { ...session, accept: "text/event-stream" })
        assert.match(streamed.headers["content-type"] ?? "", /^text\/event-stream/u)
        assert.property(messageOf(streamed), "result")
      })
    )
  )

  it.live("must name a revision that is spoken here, if it names one", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const session = yield* begin(proxy.url)
        for (const revision of ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]) {
          assert.strictEqual(
            (yield* post(proxy.url, LIST, { ...session, "mcp-protocol-version": revision })).status,
            200
          )
        }
        const wrong = yield* post(proxy.url, LIST, { ...session, "mcp-protocol-version": "1900-01-01" })
        assert.strictEqual(wrong.status, 400)
        assert.match(
          messageOf(wrong).error?.message ?? "",
          /Unsupported protocol version "1900-01-01" \(supported versions: 2024-11-05/u
        )
      })
    )
  )

  it.live("of a notification, or of an answer to nothing, is 202 without a body", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const session = yield* begin(proxy.url)
        for (const message of [
          { jsonrpc: "2.0", method: "notifications/initialized" },
          { jsonrpc: "2.0", id: 77, result: {} },
          { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } }
        ]) {
          const answer = yield* post(proxy.url, message, session)
          assert.deepStrictEqual([answer.status, answer.text], [202, ""])
        }
      })
    )
  )

  it.live("keeps the id as the client spelled it, numbers beyond what JavaScript holds included", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const session = yield* begin(proxy.url)
        for (const id of ["12345678901234567890", '"a \\u00e9"', "1e3", '"\\ud83d\\ude00"']) {
          const body = JSON.stringify(echo({}, "ID")).replace('"ID"', id)
          const answer = yield* post(proxy.url, body, session)
          assert.include(answer.text, `"id":${id}`)
        }
      })
    )
  )

  it.live("of a batch is answered as one in 2025-03-26, each message for itself", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const session = yield* begin(proxy.url, "2025-03-26")
        const answer = yield* post(
          proxy.url,
          [
            echo({ n: 1 }, "one"),
            { jsonrpc: "2.0", method: "notifications/initialized" },
            echo({ n: 2 }, 2),
            { jsonrpc: "1.0", id: 3 }
          ],
          session
        )
        const parts = JSON.parse(answer.text) as ReadonlyArray<{
          id: unknown
          result?: unknown
          error?: { code: number }
        }>
        assert.sameDeepMembers(
          parts.map(({ id }) => id),
          ["one", 2, 3]
        )
        assert.strictEqual(parts.find(({ id }) => id === 3)?.error?.code, -32600)
        const streamed = yield* post(
          proxy.url,
          [
            { ...echo({}, 5), params: { name: "slow", arguments: { steps: 2 }, _meta: { progressToken: "t" } } },
            echo({}, 6)
          ],
          session
        )
        const messages = eventsOf(streamed.text).map(({ data }) => JSON.parse(data) as { id?: number; method?: string })
        assert.deepStrictEqual(messages.filter(({ method }) => method !== undefined).length, 2)
        assert.sameMembers(
          messages.flatMap(({ id }) => id ?? []),
          [5, 6]
        )
        const alone = yield* post(proxy.url, [{ jsonrpc: "2.0", method: "notifications/initialized" }], session)
        assert.strictEqual(alone.status, 202)
        assert.strictEqual((yield* post(proxy.url, [initialize()], session)).status, 400)
      })
    )
  )
})

describe("initialize", () => {
  it.live("agrees on the client's revision, or offers the newest", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        for (const [asked, given] of [
          ["2024-11-05", "2024-11-05"],
          ["2025-06-18", "2025-06-18"],
          ["2099-01-01", "2025-11-25"]
        ]) {
          const { result } = messageOf(yield* post(proxy.url, initialize(asked))) as {
            result: { protocolVersion: string; serverInfo: { name: string } }
          }
          assert.strictEqual(result.protocolVersion, given)
          assert.strictEqual(result.serverInfo.name, "mcp-proxy")
        }
        const session = yield* begin(proxy.url)
        assert.strictEqual((yield* post(proxy.url, initialize(), session)).status, 400, "twice in one session")
      })
    )
  )

  it.live("declares what the servers behind it can do, and their instructions under their names", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const { result } = messageOf(yield* post(proxy.url, initialize())) as {
          result: { capabilities: Record<string, unknown>; instructions: string }
        }
        assert.deepStrictEqual(result.capabilities, { tools: { listChanged: true }, logging: {} })
        const one = messageOf(yield* post(`${proxy.url}/nowhere`, initialize()))
        assert.match(one.error?.message ?? "", /no server named "nowhere"/u)
      }),
      { servers: { raw, other: raw } }
    )
  )
})

describe("names", () => {
  it.live(
    "are prefixed with several servers, plain at a server's own endpoint, and hints come from the caller's own view",
    () =>
      withProxy(
        Effect.fnUntraced(function* (proxy) {
          const session = yield* begin(proxy.url)
          const names = (url: string, headers: Record<string, string>) =>
            Effect.map(post(url, LIST, headers), (answer) =>
              (messageOf(answer) as { result: { tools: ReadonlyArray<{ name: string }> } }).result.tools.map(
                ({ name }) => name
              )
            )
          const merged = yield* names(proxy.url, session)
          assert.includeMembers(merged, ["a_echo", "b.c_echo"])
          assert.isTrue(merged.indexOf("a_echo") < merged.indexOf("b.c_echo"), "in the order of the file")
          const own = yield* begin(`${proxy.url}/b.c`)
          assert.include(yield* names(`${proxy.url}/b.c`, own), "echo")
          const wrong = messageOf(yield* post(proxy.url, { ...echo({}), params: { name: "a_ecko" } }, session))
          assert.deepStrictEqual(
            [wrong.error?.code, wrong.error?.message],
            [-32602, 'Unknown tool: "a_ecko". Did you mean "a_echo"?']
          )
          const hidden = messageOf(yield* post(proxy.url, { ...echo({}), params: { name: "a_exit" } }, session))
          assert.strictEqual(hidden.error?.code, -32602, "a disabled tool does not exist")
        }),
        { servers: { a: { ...raw, disabledTools: ["e*t"] }, "b.c": raw } }
      )
  )

  it.live("are paginated with one opaque cursor over all servers", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const session = yield* begin(proxy.url)
        const seen: Array<string> = []
        let cursor: string | undefined
        do {
          const params: object = cursor === undefined ? {} : { cursor }
          const { result } = messageOf(yield* post(proxy.url, { ...LIST, params }, session)) as {
            result: { tools: ReadonlyArray<{ name: string }>; nextCursor?: string }
          }
          assert.isAtMost(result.tools.length, 5)
          seen.push(...result.tools.map(({ name }) => name))
          cursor = result.nextCursor
        } while (cursor !== undefined)
        const everything = messageOf(yield* post(`${proxy.url}/a`, LIST, yield* begin(`${proxy.url}/a`)))
        assert.property(everything, "result")
        assert.strictEqual(new Set(seen).size, seen.length)
        assert.strictEqual(seen.filter((name) => name.startsWith("a_")).length, seen.length / 2)
        const bad = messageOf(yield* post(proxy.url, { ...LIST, params: { cursor: "junk" } }, session))
        assert.strictEqual(bad.error?.code, -32602)
      }),
      { servers: { a: raw, b: raw }, gateway: { pageSize: 5 } }
    )
  )
})

describe("whoever calls", () => {
  it.live("from a foreign Host or Origin is refused, from this machine is served, with CORS for its pages", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const as = (headers: Record<string, string>) =>
          Effect.map(post(proxy.url, initialize(), headers), ({ status }) => status)
        assert.strictEqual(yield* as({ host: "evil.example.com" }), 403)
        assert.strictEqual(yield* as({ origin: "http://evil.example.com" }), 403)
        assert.strictEqual(yield* as({ origin: "null" }), 403)
        assert.strictEqual(yield* as({ host: `127.0.0.1:${proxy.port}` }), 200)
        assert.strictEqual(yield* as({ origin: "http://localhost:6274" }), 200)
        assert.strictEqual(yield* as({ origin: "https://app.example.com" }), 200, "allowed by MCP_ALLOWED_ORIGINS")
        assert.strictEqual(yield* as({ host: "proxy.example.com" }), 200, "allowed by MCP_ALLOWED_HOSTS")
        const preflight = yield* send(proxy.url, { method: "OPTIONS", headers: { origin: "http://localhost:6274" } })
        assert.strictEqual(preflight.status, 204)
        assert.strictEqual(preflight.headers["access-control-allow-origin"], "http://localhost:6274")
        assert.match(preflight.headers["access-control-allow-headers"] ?? "", /mcp-session-id/u)
        const answered = yield* post(proxy.url, initialize(), { origin: "http://localhost:6274" })
        assert.match(answered.headers["access-control-expose-headers"] ?? "", /mcp-session-id/u)
      }),
      { env: { MCP_ALLOWED_ORIGINS: "https://app.example.com", MCP_ALLOWED_HOSTS: "proxy.example.com" } }
    )
  )

  it.live("by another method is told which there are", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const put = yield* send(proxy.url, { method: "PUT" })
        assert.deepStrictEqual([put.status, put.headers["allow"]], [405, "GET, POST, DELETE, OPTIONS"])
        assert.strictEqual((yield* send(proxy.url, { headers: { accept: "text/event-stream" } })).status, 400)
        assert.strictEqual((yield* send(proxy.url, { headers: { accept: "text/html" } })).status, 406)
      })
    )
  )

  it.live(
    "asks for health gets it always; for readiness with names only from this machine, not through a proxy on it",
    () =>
      withProxy(
        Effect.fnUntraced(function* (proxy) {
          const root = `http://localhost:${proxy.port}`
          const health = yield* send(`${root}/health`, { headers: { host: "10.1.2.3" } })
          assert.deepStrictEqual(JSON.parse(health.text), { status: "healthy", service: "mcp-proxy" })
          const local = JSON.parse((yield* send(`${root}/ready`)).text) as { upstreams?: unknown; servers: object }
          assert.property(local, "upstreams")
          const forwarded = yield* send(`${root}/ready`, { headers: { "x-forwarded-for": "203.0.113.9" } })
          assert.notProperty(JSON.parse(forwarded.text), "upstreams")
          assert.notInclude(forwarded.text, "raw")
          const page = yield* send(`${root}/`)
          assert.match(page.text, /claude mcp add --transport http mcp-proxy http:\/\/localhost/u)
          assert.match(page.headers["content-security-policy"] ?? "", /default-src 'none'/u)
          assert.strictEqual((yield* send(`${root}/nothing/here`)).status, 404)
        })
      )
  )

  it.live("finds everything below the path prefix, and outside nothing that names it", () =>
    withProxy(
      Effect.fnUntraced(function* (proxy) {
        const root = `http://localhost:${proxy.port}`
        const session = yield* begin(`${root}/team/a/mcp`)
        assert.strictEqual((yield* post(`${root}/team/a/mcp`, LIST, session)).status, 200)
        assert.strictEqual((yield* post(`${root}/team/a/mcp/raw`, initialize())).status, 200)
        for (const path of ["/team/a/health", "/team/a/ready", "/team/a/", "/team/a", "/health"]) {
          assert.strictEqual((yield* send(`${root}${path}`)).status, 200, path)
        }
        for (const path of ["/", "/mcp", "/mcp/raw", "/nothing", "/team", "/health"]) {
          const answer = yield* send(`${root}${path}`, { headers: { accept: "text/event-stream" } })
          if (path !== "/health") assert.strictEqual(answer.status, 404, path)
          assert.notInclude(answer.text + JSON.stringify(answer.headers), "team/a", path)
        }
      }),
      { env: { MCP_PATH_PREFIX: "/team/a/" } }
    )
  )
})
