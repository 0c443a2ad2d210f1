/** Words of strangers keep what they say and lose what they do. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Foreign from "../../src/html/Foreign.ts"

const nasty = fc.constantFrom(
  "\u202E",
  "\u2066",
  "\u200F",
  "\u061C",
  "\u200B",
  "\u200D",
  "\uFEFF",
  "\u00AD",
  "\u0000",
  "\u001B[31m",
  "\u2028",
  "\u{E0041}",
  "\u3164",
  "\u2800",
  "\uF8FF",
  "\uE000",
  "\uE001",
  "\uD83D",
  "\u0336",
  "\u0489",
  "\u{1F469}\u200D\u{1F4BB}",
  "\u2764\uFE0F",
  "\n",
  "”",
  '"',
  "﷽"
)

const anything = fc
  .array(fc.oneof(fc.string({ unit: "binary", maxLength: 8 }), nasty), { maxLength: 40 })
  .map((pieces) => pieces.join(""))

/** Bidirectional controls and everything else that is not seen; joiners and styles of emoji are looked at apart. */
const UNSEEN = /[^\P{C}\u200D]|[\p{Zl}\p{Zp}\u2800\u3164\u115F\u1160\uFFA0]/u

describe("a stranger's words", () => {
  it.each([
    ["Claude\u202Eedoc.exe", "Claudeedoc.exe"],
    ["a\u2066b\u2069\u200F\u061C", "ab"],
    ["Cur\u200Bsor\uFEFF", "Cursor"],
    ["two\n\tlines\u2028here", "two lines here"],
    ["\u001B[31mred\u0007", "[31mred"],
    ["  spaced \u00A0\u3000 out ", "spaced out"],
    ["\uF8FF Store", "Store"],
    ["tag\u{E0041}\u{E0042}", "tag"],
    ["\u0301\u0301on nothing", "on nothing"],
    ["Z" + "\u0336".repeat(50) + "algo", "Z\u0336\u0336\u0336algo"],
    ["lone \uD83D half", "lone \uFFFD half"],
    ["naïve 名前 مساعد עוזר ผู้ช่วย", "naïve 名前 مساعد עוזר ผู้ช่วย"],
    [
      "\u{1F469}\u200D\u{1F4BB} \u2764\uFE0F \u{1F44D}\u{1F3FD}",
      "\u{1F469}\u200D\u{1F4BB} \u2764\uFE0F \u{1F44D}\u{1F3FD}"
    ],
    ["a\u200Db\uFE0F", "ab"],
    ["\u200B\u202E \u3164\u2800", ""]
  ])("%j read %j", (text, expected) => {
    assert.strictEqual(Foreign.line(text), expected)
  })

  it("hold nothing unseen, nothing that turns directions, no piles of marks, and are as long as is asked", () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 80 }), (text, limit) => {
        for (const shown of [Foreign.line(text, limit), Foreign.name(text, limit)]) {
          assert.notMatch(shown, UNSEEN)
          assert.notMatch(shown, /\p{M}{4}|^\p{M}|^\s|\s$|\s\s/u)
          assert.isTrue(shown.isWellFormed())
          assert.isAtMost([...new Intl.Segmenter("en").segment(shown)].length, limit + 1)
          assert.isAtMost(shown.length, 4 * limit + 1)
        }
      }),
      { numRuns: 500 }
    )
  })

  it("are cut between characters as people count them, and say so", () => {
    assert.strictEqual(Foreign.line("abcdef", 6), "abcdef")
    assert.strictEqual(Foreign.line("abcdefg", 6), "abcdef…")
    const family = "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}"
    assert.strictEqual(Foreign.line(`a${family}bc`, 3), `a${family}b…`)
    assert.strictEqual(Foreign.line("\u{1F468}\u200D".repeat(500) + "\u{1F468}", 10), "…")
    assert.isBelow(Foreign.line("x".repeat(1_000_000)).length, 700)
  })
})

describe("a stranger's name", () => {
  it.each([
    ["𝗖𝗹𝗮𝘂𝗱𝗲", "Claude"],
    ["Ｇｏｏｇｌｅ", "Google"],
    ['Evil” from “Google"', "Evil' from 'Google'"],
    ["«Cursor»", "'Cursor'"],
    ["Claude ✓ verified", "Claude ✓ verified"]
  ])("%s is shown as %s", (name, expected) => {
    assert.strictEqual(Foreign.name(name), expected)
  })

  it("cannot end its quotes", () => {
    fc.assert(
      fc.property(anything, (text) => {
        assert.notMatch(Foreign.name(text), /["“”„‟«»]/u)
      })
    )
  })
})
