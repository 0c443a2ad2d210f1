/** Too many requests of one owner are refused, whatever they are for; others are served. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { anonymous } from "../../src/domain/Principal.ts"
import { Rate } from "../../src/http/OwnerRate.ts"
import { memoryFleet } from "../support/memoryFleet.ts"
import { EVERYBODY, memoryGateway, person } from "../support/memoryGateway.ts"

const ADA = person("ada@example.com")
const BOB = person("bob@example.com")

const scene = (perSecond: number, burst: number) =>
  memoryGateway(memoryFleet({ one: { offer: { tools: ["work"] } } }), EVERYBODY, {
    bounds: Layer.succeed(Rate, { perSecond, burst })
  })

const REFUSED = {
  jsonrpc: "2.0",
  id: null,
  error: { code: 1429, message: "More than 1 requests a second (MCP_RATE_LIMIT)" }
}

describe("more requests than one owner may make", () => {
  it.effect("are answered 429, with when to come back, before their body is read", () =>
    Effect.gen(function* () {
      const { ask, begin } = yield* scene(1, 3)
      const session = yield* begin(ADA)
      yield* session.call("tools/list")
      yield* session.call("tools/list")
      const refused = yield* ask(ADA, undefined, { headers: session.headers, body: "{ no JSON" })
      assert.deepStrictEqual(
        [refused.status, refused.headers["retry-after"], JSON.parse(refused.body)],
        [429, "1", REFUSED]
      )
      yield* TestClock.adjust("1 second")
      yield* session.call("tools/list")
    }).pipe(Effect.scoped)
  )

  it.effect("count whatever they are: requests of both eras, notifications, streams, ends of sessions", () =>
    Effect.gen(function* () {
      const { ask, begin, once } = yield* scene(1, 3)
      const { headers } = yield* begin(ADA)
      const notice = { jsonrpc: "2.0", method: "notifications/initialized" }
      assert.strictEqual((yield* ask(ADA, undefined, { headers, body: notice })).status, 202)
      yield* once(ADA, 1, "tools/list")
      for (const method of ["POST", "GET", "DELETE"]) {
        assert.strictEqual((yield* ask(ADA, undefined, { method, headers })).status, 429, method)
      }
      assert.strictEqual((yield* once(ADA, 2, "tools/list")).status, 429)
    }).pipe(Effect.scoped)
  )

  it.effect("do not concern anybody else's", () =>
    Effect.gen(function* () {
      const { begin } = yield* scene(1, 1)
      yield* begin(ADA)
      assert.strictEqual((yield* begin(ADA)).begun.status, 429)
      assert.strictEqual((yield* begin(BOB)).begun.status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("are a session's where nobody signs in, as far as it is one; what has no session is not bounded", () =>
    Effect.gen(function* () {
      const { ask, begin, once } = yield* scene(1, 1)
      const one = yield* begin(anonymous)
      const other = yield* begin(anonymous)
      yield* one.call("tools/list")
      assert.strictEqual((yield* one.send("tools/list")).status, 429)
      yield* other.call("tools/list")
      const made = { body: { jsonrpc: "2.0", id: 1, method: "ping" }, headers: { "mcp-session-id": "made up" } }
      for (let i = 0; i < 3; i++) assert.strictEqual((yield* ask(anonymous, undefined, made)).status, 404)
      for (let i = 0; i < 3; i++) assert.strictEqual((yield* once(anonymous, i, "tools/list")).status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("are not bounded where the bound is 0", () =>
    Effect.gen(function* () {
      const { begin } = yield* scene(0, 1)
      const session = yield* begin(ADA)
      for (let i = 0; i < 20; i++) yield* session.call("tools/list")
    }).pipe(Effect.scoped)
  )

  it.effect("leave one record for each owner and minute, with their number", () =>
    Effect.gen(function* () {
      const { begin, records } = yield* scene(1, 1)
      yield* begin(ADA)
      yield* begin(BOB)
      for (let i = 0; i < 50; i++) {
        yield* begin(ADA)
        yield* begin(BOB)
        yield* TestClock.adjust("10 millis")
      }
      const refusals = () =>
        records.filter(({ kind }) => kind === "refusal").map(({ detail, principal }) => [principal?.name, detail])
      assert.deepStrictEqual(refusals(), [])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(refusals(), [
        ["ada@example.com", "More than 1 requests a second (MCP_RATE_LIMIT): refused 50 times"],
        ["bob@example.com", "More than 1 requests a second (MCP_RATE_LIMIT): refused 50 times"]
      ])
      const record = records.find(({ kind }) => kind === "refusal")
      assert.deepStrictEqual([record?.outcome, record?.code, record?.millis], ["limited", 1429, 490])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(refusals().length, 2)
    }).pipe(Effect.scoped)
  )
})
