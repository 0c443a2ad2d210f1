/** How values are spread over buckets. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Histogram } from "../../src/observability/Histogram.ts"

const bounds = fc
  .uniqueArray(fc.double({ noNaN: true, min: 0, max: 1000 }), { maxLength: 15 })
  .map((all) => all.sort((a, b) => a - b))

describe("a histogram", () => {
  it("says of each bound how many values are not above it, and of all their number, sum, least and greatest", () => {
    fc.assert(
      fc.property(
        bounds,
        fc.array(fc.double({ noNaN: true, min: 0, max: 2000 }), { minLength: 1 }),
        (bounds, values) => {
          // Values on the bounds themselves are where mistakes would be.
          const all = [...values, ...bounds]
          const histogram = new Histogram(bounds)
          let sum = 0
          for (const value of all) {
            histogram.observe(value)
            sum += value
          }
          assert.deepStrictEqual(histogram.state, {
            buckets: bounds.map((bound): [number, number] => [bound, all.filter((value) => value <= bound).length]),
            count: all.length,
            sum,
            min: Math.min(...all),
            max: Math.max(...all)
          })
        }
      )
    )
  })
})
