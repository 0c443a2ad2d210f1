/** The text format, held against Effect's own formatter. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as fc from "fast-check"
import * as PrometheusText from "../../src/observability/PrometheusText.ts"

const numbers = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Infinity, -Infinity, NaN, 0, 1e21, 1e-7))

/** Texts as servers are called, and worse. */
const texts = fc.string({ unit: fc.constantFrom("a", "é", '"', "\\", "\n", "{", "}", ",", "=", " ", "#", "\u0000") })

const labels = fc.dictionary(fc.constantFrom("server", "tool", "le_9"), texts)

const histogram = fc.record({
  buckets: fc.array(fc.tuple(numbers, fc.nat())),
  count: fc.nat(),
  min: numbers,
  max: numbers,
  sum: numbers
})

const series = fc.oneof(
  fc.record({ type: fc.constant("Counter"), state: fc.record({ count: numbers, incremental: fc.boolean() }) }),
  fc.record({ type: fc.constant("Gauge"), state: fc.record({ value: numbers }) }),
  fc.record({ type: fc.constant("Histogram"), state: histogram })
)

describe("the text format", () => {
  it("is what Effect's formatter writes, whatever there is to write", () => {
    const registries = fc.array(fc.tuple(series, labels, texts, fc.constantFrom("one", "two_total", "three_seconds")), {
      maxLength: 12
    })
    fc.assert(
      fc.property(registries, (all) => {
        const types = new Map<string, string>()
        const registry: Metric.MetricRegistry = new Map()
        for (const [{ state, type }, attributes, description, id] of all) {
          // A name has one type.
          if ((types.get(id) ?? type) !== type) continue
          types.set(id, type)
          const hooks = { get: () => state, update: () => {}, modify: () => {} }
          registry.set(String(registry.size), { id, type: type as "Gauge", attributes, description, hooks })
        }
        const context = Context.make(Metric.MetricRegistry, registry)
        const expected = PrometheusMetrics.formatUnsafe(context)
        assert.strictEqual(PrometheusText.format(Metric.snapshotUnsafe(context)), expected)
      })
    )
  })
})
