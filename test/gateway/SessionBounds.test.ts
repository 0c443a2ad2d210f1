/** How many sessions are held in memory, and what becomes of those that are too many. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { anonymous } from "../../src/domain/Principal.ts"
import { SessionBounds, Sessions } from "../../src/gateway/Sessions.ts"
import { memoryFleet } from "../support/memoryFleet.ts"
import { EVERYBODY, memoryGateway, person } from "../support/memoryGateway.ts"

const ADA = person("ada@example.com")
const BOB = person("bob@example.com")

const scene = Effect.fnUntraced(function* (most: number, mostOfOne: number) {
  const fleet = memoryFleet({ one: { offer: { tools: ["work"] } } })
  const gateway = yield* memoryGateway(fleet, EVERYBODY, { bounds: Layer.succeed(SessionBounds, { most, mostOfOne }) })
  const sessions = yield* Effect.provide(Sessions, gateway.services)
  /** Begins a session a second after the one before. */
  const begin = Effect.fnUntraced(function* (...who: Parameters<typeof gateway.begin>) {
    yield* TestClock.adjust("1 second")
    return yield* gateway.begin(...who)
  })
  const held = () => [...sessions.all()].map(({ id }) => id)
  return { ...gateway, begin, held }
})

describe("at the bound of all sessions", () => {
  it.effect("the one that was idle longest is let go from memory, and is taken up again with its next request", () =>
    Effect.gen(function* () {
      const { begin, held } = yield* scene(2, 9)
      const first = yield* begin(ADA)
      const second = yield* begin(BOB)
      yield* first.call("tools/list")
      yield* begin(ADA)
      assert.notInclude(held(), second.headers["mcp-session-id"])
      assert.strictEqual(held().length, 2)
      yield* second.call("tools/list")
      assert.include(held(), second.headers["mcp-session-id"])
      assert.strictEqual(held().length, 2, "and another one is let go for it")
    }).pipe(Effect.scoped)
  )

  it.effect("what the session had asked for is asked for still", () =>
    Effect.gen(function* () {
      const { begin, services } = yield* scene(1, 9)
      const sessions = yield* Effect.provide(Sessions, services)
      const first = yield* begin(ADA)
      yield* first.call("logging/setLevel", { level: "error" })
      yield* begin(BOB)
      yield* first.call("tools/list")
      assert.strictEqual(sessions.known(first.headers["mcp-session-id"] ?? "")?.logLevel, "error")
    }).pipe(Effect.scoped)
  )

  it.effect("where all are in use, no further one begins, and none is taken up: 429, when to come back, and why", () =>
    Effect.gen(function* () {
      const { begin, held } = yield* scene(1, 9)
      const idle = yield* begin(ADA)
      const busy = yield* begin(ADA)
      yield* busy.listen
      const { begun } = yield* begin(BOB)
      assert.deepStrictEqual([begun.status, begun.headers["retry-after"]], [429, "1"])
      assert.deepStrictEqual(JSON.parse(begun.body), {
        jsonrpc: "2.0",
        id: 0,
        error: { code: 1429, message: "All 1 sessions are in use (MCP_MAX_SESSIONS)" }
      })
      assert.strictEqual((yield* idle.send("tools/list")).status, 429)
      assert.deepStrictEqual(held(), [busy.headers["mcp-session-id"]])
    }).pipe(Effect.scoped)
  )
})

describe("at the bound of one person's sessions", () => {
  it.effect("it is theirs that are let go, and nobody else's", () =>
    Effect.gen(function* () {
      const { begin, held } = yield* scene(9, 1)
      const other = yield* begin(BOB)
      const first = yield* begin(ADA)
      const second = yield* begin(ADA)
      assert.deepStrictEqual(held(), [other.headers["mcp-session-id"], second.headers["mcp-session-id"]])
      yield* first.call("tools/list")
      assert.strictEqual(held().length, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("where all of theirs are in use, only they are refused", () =>
    Effect.gen(function* () {
      const { begin, records } = yield* scene(9, 1)
      yield* (yield* begin(ADA)).listen
      const { begun } = yield* begin(ADA)
      assert.strictEqual(begun.status, 429)
      assert.include(begun.body, "All 1 sessions that you may have are in use (MCP_MAX_SESSIONS_PER_USER)")
      const { detail, outcome } = records.at(-1) ?? {}
      assert.deepStrictEqual([outcome, detail?.includes("MCP_MAX_SESSIONS_PER_USER")], ["limited", true])
      assert.strictEqual((yield* begin(BOB)).begun.status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("nobody who has not signed in is anybody's", () =>
    Effect.gen(function* () {
      const { begin, held } = yield* scene(9, 1)
      yield* begin(anonymous)
      yield* begin(anonymous)
      assert.strictEqual(held().length, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("those that end make room", () =>
    Effect.gen(function* () {
      const { ask, begin, held } = yield* scene(1, 1)
      const first = yield* begin(ADA)
      yield* first.listen
      yield* ask(ADA, undefined, { method: "DELETE", headers: first.headers })
      assert.strictEqual((yield* begin(ADA)).begun.status, 200)
      assert.strictEqual(held().length, 1)
    }).pipe(Effect.scoped)
  )
})
