/** What the gateway holds for its clients, as measured. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"
import { family } from "../support/scrape.ts"

const ANN = person("ann@example.com")

describe("sessions and streams", () => {
  it.effect(
    "are counted while they are there: streams that somebody reads, and those that wait for who comes back",
    () =>
      Effect.gen(function* () {
        const fleet = memoryFleet({ files: { offer: { tools: ["read"], resources: ["file:///a"] } } })
        const gateway = yield* memoryGateway(
          fleet,
          rulesOf({ "*": { allowed_tools: ["*"], allowed_resources: ["*"] } })
        )
        const streams = () => family(gateway.metrics(), "mcp_proxy_streams")
        assert.deepStrictEqual(streams(), { read: 0, kept: 0 })
        const client = yield* gateway.begin(ANN)
        // Whoever has seen the list is told that it changed, and a stream on which something was said is kept.
        yield* client.call("tools/list")
        const listening = yield* client.listen
        assert.deepStrictEqual(streams(), { read: 1, kept: 0 })
        assert.strictEqual(family(gateway.metrics(), "mcp_proxy_sessions")[""], 1)
        assert.strictEqual(family(gateway.metrics(), "mcp_proxy_stream_buffered_bytes")[""], 0)
        fleet.say("files", { _tag: "ListChanged", kinds: ["tools"] })
        yield* fleet.become("files", { offer: { tools: ["write"] } })
        fleet.say("files", { _tag: "ListChanged", kinds: ["tools"] })
        yield* listening.leave
        yield* arrived(() => streams()["kept"] === 1)
        assert.strictEqual(family(gateway.metrics(), "mcp_proxy_parked_calls")[""], 0)
        yield* gateway.ask(ANN, undefined, { method: "DELETE", headers: client.headers })
        assert.strictEqual(family(gateway.metrics(), "mcp_proxy_sessions")[""], 0)
      }).pipe(Effect.scoped)
  )
})

describe("calls that wait for their turn", () => {
  it.effect("are counted as long as they wait, and the bytes of all as long as they are under way", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const one = { offer: { tools: ["read"] }, calls: { concurrent: 1, queued: 9 }, gate: Deferred.await(gate) }
      const gateway = yield* memoryGateway(memoryFleet({ files: one }), rulesOf({ "*": { allowed_tools: ["*"] } }))
      const now = (name: string) => family(gateway.metrics(), name)[""] ?? NaN
      const client = yield* gateway.begin(ANN)
      assert.deepStrictEqual([now("mcp_proxy_queued_calls"), now("mcp_proxy_buffered_bytes")], [0, 0])
      const calls = yield* Effect.forkScoped(
        Effect.all([client.call("tools/call", { name: "read" }), client.call("tools/call", { name: "read" })], {
          concurrency: "unbounded"
        })
      )
      yield* arrived(() => now("mcp_proxy_queued_calls") === 1)
      assert.isAbove(now("mcp_proxy_buffered_bytes"), 0)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(calls)
      assert.strictEqual(now("mcp_proxy_queued_calls"), 0)
      yield* arrived(() => now("mcp_proxy_buffered_bytes") === 0)
    }).pipe(Effect.scoped)
  )
})
