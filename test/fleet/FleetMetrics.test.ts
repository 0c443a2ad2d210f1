/** How servers are doing, as measured, while they come, go, crash and have lanes. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Metrics from "../../src/observability/Metrics.ts"
import { server } from "../support/memoryProcesses.ts"
import { callerOf, configOf, local, memoryServers } from "../support/memoryServers.ts"
import { family, scrape } from "../support/scrape.ts"
import { settle } from "../support/settle.ts"

const text = Effect.map(Metrics.Metrics, Metrics.text)

/** The states that servers are in. */
const states = Effect.map(text, (scraped) =>
  Object.entries(family(scraped, "mcp_proxy_upstream_status")).flatMap(([state, value]) => (value === 1 ? [state] : []))
)

const restarts = Effect.map(text, (scraped) => family(scraped, "mcp_proxy_upstream_restarts_total"))

const named = (scraped: string) => new Set(scrape(scraped).map(({ labels }) => labels["server"]))

describe("a fleet", () => {
  it.effect("tells the state of each server, how often each was begun anew, and how many lanes there are", () =>
    Effect.gen(function* () {
      const a = local("a")
      const b = local("b", { isolation: "session" })
      const running = yield* memoryServers(configOf(a, b), { a: server(["x"]), b: server(["x"]) })
      yield* running.settled
      assert.deepStrictEqual(yield* states, ["a ready", "b ready"])
      assert.deepStrictEqual(yield* restarts, { a: 0, b: 0 })
      running.processes.running()[0]?.exit(1)
      yield* settle
      assert.deepStrictEqual(yield* states, ["a backing_off", "b ready"])
      assert.deepStrictEqual(family(yield* text, "mcp_proxy_upstream_failures_total"), { "a crash": 1 })
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.deepStrictEqual(yield* states, ["a ready", "b ready"])
      assert.deepStrictEqual(yield* restarts, { a: 1, b: 0 })
      yield* running.call("b", "x", callerOf("one"))
      yield* running.call("b", "x", callerOf("two"))
      assert.deepStrictEqual(family(yield* text, "mcp_proxy_lanes"), { a: 1, b: 3 })
      const circuits = family(yield* text, "mcp_proxy_upstream_circuit")
      assert.deepInclude(circuits, { "a closed": 1, "a open": 0, "a half_open": 0, "b closed": 1 })
    }).pipe(Effect.scoped, Effect.provide(Metrics.layer))
  )

  it.effect("says nothing of servers that are configured no more, and of new ones at once", () =>
    Effect.gen(function* () {
      const programs = { a: server(["x"]), b: server(["x"]), c: server(["x"]) }
      const { fleet, settled } = yield* memoryServers(configOf(local("a"), local("b")), programs)
      yield* settled
      assert.deepStrictEqual(named(yield* text), new Set(["a", "b"]))
      yield* fleet.apply(configOf(local("a"), local("c")))
      assert.deepStrictEqual(named(yield* text), new Set(["a", "c"]))
    }).pipe(Effect.scoped, Effect.provide(Metrics.layer))
  )
})
