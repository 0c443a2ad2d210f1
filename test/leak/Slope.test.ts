/** The arithmetic of what grows. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { lastHalf, type Point, slope } from "./Slope.ts"

const line = (rise: number, start: number): ReadonlyArray<Point> =>
  Array.from({ length: 5 }, (_, index) => [index * 100, start + rise * index * 100])

describe("the slope", () => {
  it("of points on a line is that line's, wherever it begins", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: 0, max: 1e8 }), (rise, start) => {
        assert.closeTo(slope(line(rise, start)), rise, 1e-6)
      })
    )
  })

  it("is nothing to what goes up and down around the same height, and to less than two points", () => {
    assert.strictEqual(
      slope([
        [0, 5],
        [1, 9],
        [2, 5]
      ]),
      0
    )
    assert.strictEqual(slope([[7, 5]]), 0)
    assert.strictEqual(slope([]), 0)
  })

  it("is that of least squares: one point off the line counts by how far out it is", () => {
    // By hand: around (1.5, 2) the products sum up to 3 + 1 + 0 + 6, the squares of x to 5.
    assert.strictEqual(
      slope([
        [0, 0],
        [1, 0],
        [2, 2],
        [3, 6]
      ]),
      2
    )
  })
})

describe("the last half", () => {
  it("of ten samples is five; an odd one in the middle counts", () => {
    assert.deepStrictEqual(lastHalf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), [6, 7, 8, 9, 10])
    assert.deepStrictEqual(lastHalf([1, 2, 3]), [2, 3])
    assert.deepStrictEqual(lastHalf([]), [])
  })
})
