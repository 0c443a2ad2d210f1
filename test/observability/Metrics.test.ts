/** What can be measured: read when somebody looks, and no longer than its source is there. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as Metrics from "../../src/observability/Metrics.ts"
import { family, scrape } from "../support/scrape.ts"

const gauge: Metrics.Family = { name: "a_gauge", help: "One.\nTwo.", type: "gauge", labels: ["server", "what"] }
const plain: Metrics.Family = { name: "plain", help: "Plain.", type: "gauge", labels: [] }
const counted: Metrics.Family = { name: "counted_total", help: "Counted.", type: "counter", labels: ["server"] }

const text = Effect.map(Metrics.Metrics, Metrics.text)

const measured = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Metrics.layer))

describe("a measure", () => {
  it.effect("is read when somebody looks, each time anew", () =>
    measured(
      Effect.gen(function* () {
        let reads = 0
        yield* Metrics.expose(plain, () => ++reads)
        assert.strictEqual(reads, 0)
        assert.deepStrictEqual(family(yield* text, "plain"), { "": 1 })
        assert.deepStrictEqual(family(yield* text, "plain"), { "": 2 })
      })
    )
  )

  it.effect("is gone with the scope of its source; another source's series of it stay", () =>
    measured(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Metrics.expose(gauge, () => [[["a", "x"], 1]]).pipe(Scope.provide(scope))
        yield* Metrics.expose(gauge, () => [[["b", "x"], 2]])
        assert.deepStrictEqual(family(yield* text, "a_gauge"), { "a x": 1, "b x": 2 })
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(family(yield* text, "a_gauge"), { "b x": 2 })
      })
    )
  )

  it.effect("has nothing to say where its source has not", () =>
    measured(
      Effect.gen(function* () {
        yield* Metrics.expose(plain, () => undefined)
        assert.strictEqual(yield* text, "")
      })
    )
  )

  it.effect("survives whatever servers are called", () =>
    measured(
      Effect.gen(function* () {
        const names = ['quote " quote', "back\\slash", "new\nline", '{a="b"}', "ünï", ""]
        yield* Metrics.expose(gauge, () => names.map((name, index): Metrics.Sample => [[name, "x"], index]))
        assert.deepStrictEqual(
          scrape(yield* text).map(({ labels }) => labels["server"]),
          names
        )
      })
    )
  )

  it.effect("can be a histogram, whose buckets add up", () =>
    measured(
      Effect.gen(function* () {
        const state: Metric.HistogramState = {
          buckets: [
            [1, 2],
            [3, 5]
          ],
          count: 6,
          min: 0,
          max: 9,
          sum: 20
        }
        yield* Metrics.expose({ ...plain, type: "histogram" }, () => [[[], state]])
        assert.deepStrictEqual(
          scrape(yield* text).map(({ labels, name, value }) => [name, labels["le"], value]),
          [
            ["plain_bucket", "1", 2],
            ["plain_bucket", "3", 5],
            ["plain_bucket", "+Inf", 6],
            ["plain_sum", undefined, 20],
            ["plain_count", undefined, 6]
          ]
        )
      })
    )
  )
})

describe("a counter", () => {
  it.effect("is one for all who ask for it, and outlives them", () =>
    measured(
      Effect.gen(function* () {
        const first = yield* Metrics.counter(counted)
        first(["a"], 0)
        const second = yield* Metrics.counter(counted)
        second(["a"])
        second(["b"], 3)
        first(["a"])
        assert.deepStrictEqual(family(yield* text, "counted_total"), { a: 2, b: 3 })
      })
    )
  )

  it.effect("forgets what is there no more, and begins anew when it is back", () =>
    measured(
      Effect.gen(function* () {
        const servers = new Set(["a", "b"])
        const { only } = yield* Metrics.Metrics
        yield* only("server", (server) => servers.has(server))
        const count = yield* Metrics.counter(counted)
        for (const server of ["a", "b", "c", ""]) count([server])
        assert.deepStrictEqual(family(yield* text, "counted_total"), { a: 1, b: 1, "": 1 })
        servers.delete("b")
        assert.deepStrictEqual(family(yield* text, "counted_total"), { a: 1, "": 1 })
        servers.add("b")
        assert.deepStrictEqual(family(yield* text, "counted_total"), { a: 1, "": 1 })
        count(["b"])
        assert.deepStrictEqual(family(yield* text, "counted_total"), { a: 1, b: 1, "": 1 })
      })
    )
  )
})

describe("without anybody to look", () => {
  it.effect("nothing is kept, and nothing fails", () =>
    Effect.gen(function* () {
      const count = yield* Metrics.counter(counted)
      count(["a"])
      yield* Metrics.expose(plain, () => 1)
      assert.strictEqual(yield* text, "")
    }).pipe(Effect.scoped)
  )
})
