/** What is made of rounds: medians that bad rounds do not move, and errors that say how much to believe. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { deviation, exponent, median, ratio } from "../../bench/report/Statistics.ts"

describe("statistics of rounds", () => {
  it("takes the middle, whatever the order", () => {
    assert.strictEqual(median([3, 1, 2]), 2)
    assert.strictEqual(median([4, 1, 2, 3]), 2.5)
  })

  it("does not let a few bad rounds move a ratio", () => {
    const limit = [10, 11, 9, 10, 10, 12, 10]
    const ours = limit.map((cost) => cost * 2)
    const spoilt = ours.map((cost, round) => (round < 2 ? cost * 50 : cost))
    assert.strictEqual(ratio(ours, limit).value, 2)
    assert.strictEqual(ratio(spoilt, limit).value, 2)
  })

  it("pairs rounds, so that what slows both down does not count", () => {
    const load = [1, 5, 1, 7, 2, 9, 1]
    const { error, value } = ratio(
      load.map((factor) => 30 * factor),
      load.map((factor) => 10 * factor)
    )
    assert.strictEqual(value, 3)
    assert.strictEqual(error, 0)
  })

  it("says how much rounds that differ are to be believed", () => {
    const below = [1, 1, 1, 1, 1, 1, 1, 1]
    const calm = ratio([2, 2.1, 1.9, 2, 2.05, 1.95, 2, 2], below)
    const wild = ratio([1, 3, 2, 0.5, 4, 2, 1.5, 2.5], below)
    assert.isBelow(calm.error, 0.05)
    assert.isAbove(wild.error, 0.3)
    assert.isNaN(ratio([2], [1]).error)
  })

  it("finds the exponent of growth", () => {
    const work = [1, 10, 100, 1000]
    const of = (power: number) => exponent(work.map((x) => [x, 7 * x ** power]))
    for (const power of [0, 0.5, 1, 2]) assert.closeTo(of(power), power, 1e-9)
  })

  it("has a deviation that is none where nothing differs, and grows with what does", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 3 }), (values) => {
        assert.closeTo(deviation(values.map((value) => value * 3)), deviation(values) * 3, 1e-6)
        assert.strictEqual(deviation(values.map(() => 5)), 0)
      })
    )
  })
})
