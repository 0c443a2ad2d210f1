/** The schedule of faults. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type Counts, KINDS, plan } from "./Schedule.ts"

const counts = fc.record(Object.fromEntries(KINDS.map((kind) => [kind, fc.nat(20)]))) as fc.Arbitrary<Counts>

describe("the schedule of faults", () => {
  it("has as many of each kind as are asked for, in order, within the time", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1000, max: 180_000 }), counts, (seed, millis, wanted) => {
        const planned = plan(seed, millis, wanted)
        for (const kind of KINDS) {
          const nths = planned.filter((fault) => fault.kind === kind).map(({ nth }) => nth)
          assert.deepStrictEqual(
            nths.sort((a, b) => a - b),
            Array.from({ length: wanted[kind] }, (_, nth) => nth)
          )
        }
        for (const [index, { at, whom }] of planned.entries()) {
          assert.isAtLeast(at, planned[index - 1]?.at ?? 0)
          assert.isAtMost(at, millis)
          assert.isTrue(whom >= 0 && whom < 1)
        }
      })
    )
  })

  it("is the same for the same seed, and another for another", () => {
    const all = Object.fromEntries(KINDS.map((kind) => [kind, 5])) as Counts
    assert.deepStrictEqual(plan(1, 60_000, all), plan(1, 60_000, all))
    assert.notDeepEqual(plan(1, 60_000, all), plan(2, 60_000, all))
  })
})
