/** So many a second, and a burst after a pause; and nothing is remembered of who makes a pause. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { TokenBuckets } from "../../src/domain/TokenBuckets.ts"

const RATE = { perSecond: 10, burst: 5 }

/** Takes tokens at those times; when there was one. */
const granted = (times: ReadonlyArray<number>, buckets = new TokenBuckets(RATE)): ReadonlyArray<number> =>
  times.filter((time) => buckets.take("a", time) === 0)

/** Milliseconds since the start, in order. */
const times = fc.array(fc.nat(3000), { maxLength: 200, size: "max" }).map((all) => all.sort((a, b) => a - b))

describe("a bucket", () => {
  it("gives a burst at once, and then one at a time", () => {
    assert.deepStrictEqual(granted([0, 0, 0, 0, 0, 0, 99, 100, 100, 200]), [0, 0, 0, 0, 0, 100, 200])
  })

  it("never gives more within any time than a burst and what flows in meanwhile", () => {
    fc.assert(
      fc.property(times, (all) => {
        const given = granted(all)
        for (const [from, start] of given.entries()) {
          for (const [to, end] of given.entries()) {
            if (to < from) continue
            assert.isAtMost(to - from + 1, RATE.burst + ((end - start) * RATE.perSecond) / 1000 + 1e-9)
          }
        }
      }),
      { numRuns: 50 }
    )
  })

  it("says how long to wait: then there is one, and a millisecond sooner there is none", () => {
    fc.assert(
      fc.property(times, fc.nat(3000), (all, later) => {
        const [patient, hasty] = [new TokenBuckets(RATE), new TokenBuckets(RATE)]
        for (const time of all) {
          patient.take("a", time)
          hasty.take("a", time)
        }
        const now = (all.at(-1) ?? 0) + later
        const wait = patient.take("a", now)
        if (wait === 0) return
        assert.isAbove(hasty.take("a", now + wait - 1), 0)
        assert.strictEqual(patient.take("a", now + wait), 0)
      }),
      { numRuns: 200 }
    )
  })

  it("loses nothing when the clock is set back", () => {
    const buckets = new TokenBuckets(RATE)
    assert.deepStrictEqual(granted([1000, 1000, 0, 0, 0, 0], buckets), [1000, 1000, 0, 0, 0])
  })

  it("is one for each key", () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 1 })
    assert.deepStrictEqual([buckets.take("a", 0), buckets.take("b", 0), buckets.take("a", 0)], [0, 0, 1000])
  })

  it("is forgotten once it is full again, however many keys there ever were", () => {
    const buckets = new TokenBuckets(RATE)
    for (let i = 0; i < 10_000; i++) buckets.take(`key ${i}`, i)
    // A bucket of which one token is taken is full again after 100 ms, and looked at soon after.
    assert.isAtMost(buckets.size, 400)
  })
})
