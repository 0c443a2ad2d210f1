/** What is computed once is not computed again, and what is kept for that has bounds. */
import { assert, describe, it } from "@effect/vitest"
import { remembering, rememberingOf } from "../../src/domain/Remembering.ts"

const counted = (bounds?: { readonly texts: number; readonly length: number }) => {
  const asked: Array<string> = []
  const length = remembering((text) => {
    asked.push(text)
    return text.length
  }, bounds)
  return { asked, length }
}

describe("a function that remembers", () => {
  it("gives the same, and computes it once", () => {
    const { asked, length } = counted()
    assert.deepStrictEqual(
      ["ab", "ab", "abc", "ab"].map((text) => length(text)),
      [2, 2, 3, 2]
    )
    assert.deepStrictEqual(asked, ["ab", "abc"])
  })

  it("forgets what came first where there is too much", () => {
    const { asked, length } = counted({ texts: 2, length: 9 })
    for (const text of ["a", "b", "c", "b", "c", "a"]) length(text)
    assert.deepStrictEqual(asked, ["a", "b", "c", "a"])
  })

  it("does not keep long texts", () => {
    const { asked, length } = counted({ texts: 2, length: 3 })
    for (const text of ["abcd", "abc", "abcd", "abc"]) length(text)
    assert.deepStrictEqual(asked, ["abcd", "abc", "abcd"])
  })

  it("takes no text for another that ends alike", () => {
    const { asked, length } = counted()
    const [one, other] = [`a${"x".repeat(100)}`, `bb${"x".repeat(100)}`]
    assert.deepStrictEqual([length(one), length(one), length(other), length(one)], [101, 101, 102, 101])
    assert.deepStrictEqual(asked, [one, other])
  })

  it("of an object is computed once for each, however alike they are", () => {
    const asked: Array<object> = []
    const size = rememberingOf((of: ReadonlyArray<number>) => {
      asked.push(of)
      return of.length
    })
    const [one, other] = [[1], [1]]
    assert.deepStrictEqual([size(one), size(other), size(one)], [1, 1, 1])
    assert.strictEqual(asked.length, 2)
  })
})
