/** Lists for modern clients: always the same bytes for the same person, and honest about how long they hold. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { anonymous } from "../../src/domain/Principal.ts"
import { LATEST_MODERN } from "../../src/domain/Protocol.ts"
import { type MemoryServer, memoryFleet } from "../support/memoryFleet.ts"
import { memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"

const ANN = person("ann@example.com")
const RULES = rulesOf({ "*": { allowed_tools: ["*"], allowed_resources: ["*"] } })

const listOf = Effect.fnUntraced(function* (servers: Readonly<Record<string, MemoryServer>>, who = ANN) {
  const gateway = yield* memoryGateway(memoryFleet(servers), RULES)
  const client = yield* gateway.begin(who, undefined, LATEST_MODERN)
  return yield* client.call("tools/list")
})

const legacy: MemoryServer = { offer: { tools: ["a"] } }
const modern = (ttlMs: number, cacheScope: "public" | "private"): MemoryServer => ({
  era: "modern",
  offer: { tools: ["a"] },
  hints: { tools: { ttlMs, cacheScope } }
})

describe("a list", () => {
  it.effect("is the same to the byte, whoever was faster and whatever was asked before", () =>
    Effect.gen(function* () {
      const offer = { tools: ["z", "a", "m"], resources: ["file:///b", "file:///a"] }
      const fleet = memoryFleet({ second: { offer }, first: { offer } })
      const gateway = yield* memoryGateway(fleet, RULES)
      const one = yield* gateway.begin(ANN, undefined, LATEST_MODERN)
      const before = yield* one.send("tools/list")
      yield* one.send("tools/call", { name: "first_z" })
      yield* fleet.become("second", { offer, status: "down" })
      yield* fleet.become("second", { offer })
      const other = yield* gateway.begin(ANN, undefined, LATEST_MODERN)
      assert.strictEqual((yield* other.send("tools/list")).body, before.body)
      const names = (JSON.parse(before.body) as { result: { tools: ReadonlyArray<{ name: string }> } }).result.tools
      assert.deepStrictEqual(
        names.map(({ name }) => name),
        ["second_z", "second_a", "second_m", "first_z", "first_a", "first_m"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect.each([
    ["of a legacy server holds for no time", { a: legacy }, anonymous, 0, "public"],
    ["of a modern server holds as long as it says", { a: modern(5000, "public") }, anonymous, 5000, "public"],
    ["holds for the shortest time", { a: modern(5000, "public"), b: modern(300, "public") }, anonymous, 300, "public"],
    [
      "with a legacy server's in it holds for no time",
      { a: modern(5000, "public"), b: legacy },
      anonymous,
      0,
      "public"
    ],
    ["is private as soon as one part is", { a: modern(9, "private"), b: modern(9, "public") }, anonymous, 9, "private"],
    ["is private for who signed in", { a: modern(9, "public") }, ANN, 9, "private"]
  ] as const)("%s", ([, servers, who, ttlMs, cacheScope]) =>
    Effect.gen(function* () {
      assert.deepInclude(yield* listOf(servers, who), { resultType: "complete", ttlMs, cacheScope })
    }).pipe(Effect.scoped)
  )
})

describe("a resource that its server says is public", () => {
  const server: MemoryServer = {
    era: "modern",
    offer: { resources: ["file:///a"] },
    play: () => Effect.succeed({ result: { resultType: "complete", contents: [], ttlMs: 7, cacheScope: "public" } })
  }

  it.effect.each([
    ["private to who signed in", ANN, "private"],
    ["public where nobody signs in", anonymous, "public"]
  ] as const)("is %s", ([, who, cacheScope]) =>
    Effect.gen(function* () {
      const gateway = yield* memoryGateway(memoryFleet({ files: server }), RULES)
      const client = yield* gateway.begin(who, undefined, LATEST_MODERN)
      const read = yield* client.call("resources/read", { uri: "file:///a" })
      assert.deepInclude(read, { ttlMs: 7, cacheScope })
    }).pipe(Effect.scoped)
  )
})
