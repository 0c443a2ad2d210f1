/** What is JSON by our own reading is so by everybody's. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Json from "../../src/domain/Json.ts"
import { STRICT } from "../../src/domain/JsonGrammar.ts"

/** Are the bytes one JSON value, with white space around it at most? */
const isJson = (bytes: Uint8Array): boolean => {
  const end = STRICT.value(bytes, Json.skipSpace(bytes, 0))
  return end >= 0 && Json.skipSpace(bytes, end) === bytes.length
}

const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const agrees = (text: string): void => {
  assert.strictEqual(isJson(Json.utf8(text)), parses(text), JSON.stringify(text))
}

describe("a text", () => {
  it("is JSON where JSON.parse takes it, and nowhere else", () => {
    const json = fc.json({ maxDepth: 6 })
    fc.assert(
      fc.property(
        json,
        fc.nat(),
        fc.constantFrom(...'"\\{}[],:-+.eE0123 \n\ttrufalsn\u0000\u0001é\u2028'),
        (text, at, one) => {
          agrees(text)
          const place = at % (text.length + 1)
          agrees(text.slice(0, place) + one + text.slice(place))
          agrees(text.slice(0, place) + text.slice(place + 1))
          agrees(text.slice(0, place) + one + text.slice(place + 1))
          agrees(text.slice(0, place))
        }
      ),
      { numRuns: 800 }
    )
  })

  it("of the grammar's own letters is judged as JSON.parse judges it", () => {
    const letters = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      "\\",
      "u00e9",
      "n",
      "-",
      "+",
      ".",
      "0",
      "12",
      "e",
      "E",
      " ",
      "true",
      "null",
      '"a"',
      "\ud83d\ude00",
      "\u00a0",
      "\ufeff"
    )
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 12 }), (all) => agrees(all.join(""))),
      { numRuns: 20_000 }
    )
  })

  it("may be as deep as it likes", () => {
    const deep = "[".repeat(1_000_000) + "]".repeat(1_000_000)
    assert.isTrue(isJson(Json.utf8(deep)))
    assert.isFalse(isJson(Json.utf8(deep.slice(1))))
    assert.isFalse(isJson(Json.utf8(deep.slice(0, -1))))
  })

  it("is none where it is empty", () => {
    for (const text of ["", " ", "\n"]) agrees(text)
  })
})
