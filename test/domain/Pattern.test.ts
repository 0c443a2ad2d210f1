/** Patterns: what they match, what they might match below a prefix, and what they are sure to. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { coversBelow, isEverything, matches, reachesBelow } from "../../src/domain/Pattern.ts"

const text = fc.stringMatching(/^[ab]{0,4}$/u)
const pattern = fc.stringMatching(/^[ab*]{0,5}$/u)

/** The same as a regular expression. */
const expected = (of: string, name: string): boolean => new RegExp(`^${of.replaceAll("*", ".*")}$`, "su").test(name)

const all = (letters: string, length: number): ReadonlyArray<string> =>
  length === 0 ? [""] : ["", ...all(letters, length - 1).flatMap((tail) => [...letters].map((head) => head + tail))]
const NAMES = [...new Set(all("ab", 7))]

describe("a pattern", () => {
  it("matches what its regular expression would", () => {
    fc.assert(
      fc.property(pattern, fc.stringMatching(/^[ab*]{0,8}$/u), (of, name) => matches(of, name) === expected(of, name))
    )
  })

  it("takes everything but the star for itself", () => {
    for (const of of ["a.b", "a?b", "[ab]", "a|b", "(a)", "\\*"]) assert.strictEqual(matches(of, of), true)
    assert.isFalse(matches("a.b", "axb"))
    assert.isTrue(matches("a*b", "a\nb"))
  })

  it("reaches below a prefix exactly if some name below it matches", () => {
    fc.assert(
      fc.property(pattern, text, (of, prefix) => {
        assert.strictEqual(
          reachesBelow(of, prefix),
          NAMES.some((tail) => matches(of, prefix + tail))
        )
      }),
      { numRuns: 300 }
    )
  })

  it("covers what is below a prefix exactly if every name below it matches", () => {
    fc.assert(
      fc.property(pattern, text, (of, prefix) => {
        assert.strictEqual(
          coversBelow(of, prefix),
          NAMES.every((tail) => matches(of, prefix + tail))
        )
      }),
      { numRuns: 300 }
    )
  })

  it("of stars alone matches everything, and no other does", () => {
    assert.isTrue(isEverything("*") && isEverything("**"))
    fc.assert(fc.property(pattern, (of) => isEverything(of) === (coversBelow(of, "") && matches(of, ""))))
  })
})
