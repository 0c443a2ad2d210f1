/** The yardstick itself: client and server of one revision, without a proxy between them, agree on every cell. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type Fields, isModern, type Message, REVISIONS } from "../../fixtures/polyglot/message.ts"
import { begin, post } from "../wire.ts"
import { CELLS, type Pair } from "./cells.ts"
import { connectLegacy } from "./legacyClient.ts"
import { modernClient } from "./modernClient.ts"
import { connectSdk } from "./sdkClient.ts"
import { journals, served, violations } from "./servers.ts"

const own = (name: string): string => name

for (const revision of REVISIONS) {
  describe(`a client of ${revision} straight to a server of ${revision}`, () => {
    for (const [what, check] of Object.entries(CELLS)) {
      it.live(what, () =>
        Effect.gen(function* () {
          const server = yield* served(yield* journals, "direct", revision, "http")
          const client = isModern(revision)
            ? modernClient(server.entry.url)
            : yield* connectLegacy(server.entry.url, revision)
          const pair: Pair = { client, server, name: own, uri: own }
          yield* check(pair, "direct")
          assert.deepStrictEqual(violations(server), [])
        }).pipe(Effect.scoped)
      )
    }
  })
}

for (const [era, revision] of [
  ["legacy", "2025-11-25"],
  ["modern", "2026-07-28"]
] as const) {
  describe(`the official ${era} client straight to a server of ${revision}`, () => {
    for (const [what, check] of Object.entries(CELLS)) {
      it.live(what, () =>
        Effect.gen(function* () {
          const server = yield* served(yield* journals, "direct", revision, "http")
          const client = yield* connectSdk(server.entry.url, era)
          yield* check({ client, server, name: own, uri: own }, "direct")
          assert.deepStrictEqual(violations(server), [])
        }).pipe(Effect.scoped)
      )
    }
  })
}

const META = "io.modelcontextprotocol"
const envelope = { [`${META}/protocolVersion`]: "2026-07-28", [`${META}/clientCapabilities`]: { sampling: {} } }
const asking = { name: "ask_sample", arguments: { tag: "strict" } }
const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "ask_sample" }

const posted = (params: Fields, sent: Fields = headers, method = "tools/call") =>
  Effect.gen(function* () {
    const { entry } = yield* served(yield* journals, "strict", "2026-07-28", "http")
    const answer = yield* post(entry.url, { jsonrpc: "2.0", id: 1, method, params }, sent as Record<string, string>)
    const { error, result } = JSON.parse(answer.text) as Message
    return { status: answer.status, code: error?.code, message: error?.message, result, url: entry.url }
  })

describe("a server of 2026-07-28 turns down", () => {
  it.live("a request without its envelope, and names its revision to who says initialize", () =>
    Effect.gen(function* () {
      const { code, status } = yield* posted(asking)
      assert.deepStrictEqual([status, code], [400, -32602])
      const { message } = yield* posted({ protocolVersion: "2025-11-25" }, {}, "initialize")
      assert.include(message, "2026-07-28")
    }).pipe(Effect.scoped)
  )

  it.live("headers that are missing, or say something else than the body", () =>
    Effect.gen(function* () {
      for (const wrong of [
        { "mcp-name": "echo" },
        { "mcp-method": undefined },
        { "mcp-protocol-version": "2025-11-25" }
      ]) {
        const { code, status } = yield* posted({ ...asking, _meta: envelope }, { ...headers, ...wrong })
        assert.deepStrictEqual([status, code], [400, -32020])
      }
      const echo = { name: "echo", arguments: { region: "here" }, _meta: envelope }
      const { code } = yield* posted(echo, { ...headers, "mcp-name": "echo" })
      assert.strictEqual(code, -32020)
    }).pipe(Effect.scoped)
  )

  it.live("a method of sessions, and a question's answer whose state was changed or belongs to another call", () =>
    Effect.gen(function* () {
      const ping = yield* posted({ _meta: envelope }, { ...headers, "mcp-method": "ping" }, "ping")
      assert.deepStrictEqual([ping.status, ping.code], [404, -32601])
      const { result } = yield* posted({ ...asking, _meta: envelope })
      assert.strictEqual(result?.["resultType"], "input_required")
      const { requestState } = result ?? {}
      const changed = yield* posted({ ...asking, _meta: envelope, requestState: `${String(requestState)}A` })
      assert.strictEqual(changed.code, -32602)
      const other = yield* posted({ ...asking, arguments: { tag: "other" }, _meta: envelope, requestState })
      assert.strictEqual(other.code, -32602)
    }).pipe(Effect.scoped)
  )
})

describe("a server of 2025-11-25 turns down", () => {
  it.live("what comes outside of a session, server/discover included, and requests of another revision", () =>
    Effect.gen(function* () {
      const { entry } = yield* served(yield* journals, "strict", "2025-11-25", "http")
      const discover = { jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta: envelope } }
      assert.strictEqual((yield* post(entry.url, discover)).status, 400)
      const session = yield* begin(entry.url)
      const list = { jsonrpc: "2.0", id: 2, method: "tools/list" }
      assert.strictEqual((yield* post(entry.url, list, session)).status, 400)
      const version = (revision: string) => ({ ...session, "mcp-protocol-version": revision })
      assert.strictEqual((yield* post(entry.url, list, version("2025-06-18"))).status, 400)
      assert.strictEqual((yield* post(entry.url, list, version("2025-11-25"))).status, 200)
    }).pipe(Effect.scoped)
  )
})
