/** Finding values in a JSON text: the same values that parsing the whole would give. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Json from "../../src/domain/Json.ts"
import { skipString } from "../../src/domain/JsonString.ts"
import * as Pieces from "../../src/domain/Pieces.ts"
import { space, spelled, stringText, valueText } from "../support/jsonText.ts"
import { parse as parseStrictly } from "../support/strictJson.ts"

const whole = (bytes: Uint8Array): Json.Span => ({ start: Json.skipSpace(bytes, 0), end: bytes.length })

describe("what is found in a text", () => {
  it("a value ends where it ends, whatever follows it", () => {
    fc.assert(
      fc.property(space, valueText, space, fc.constantFrom("", ",", "}", "]", " x"), (before, value, after, next) => {
        const bytes = Json.utf8(`${before}${value}${after === "" && next === " x" ? " " : after}${next}`)
        const at = Json.skipSpace(bytes, 0)
        assert.strictEqual(Json.text(bytes, { start: at, end: Json.skipValue(bytes, at) }), value)
      }),
      { numRuns: 500 }
    )
  })

  it("an object's members are those of a strict parser: keys decoded, values as they stand, in their order", () => {
    fc.assert(
      fc.property(valueText, (text) => {
        const bytes = Json.utf8(text)
        const node = parseStrictly(text)
        const members = Json.members(bytes, 0)
        if (node.type !== "object") {
          assert.isUndefined(members)
          return
        }
        assert.deepStrictEqual(
          members?.map(({ key, value }) => [key, Json.text(bytes, value)]),
          node.members.map(([key, value]) => [key, value.text])
        )
        for (const { at, key } of members ?? []) {
          assert.strictEqual(Json.parse(bytes, { start: at, end: skipString(bytes, at) }), key)
        }
      }),
      { numRuns: 500 }
    )
  })

  it("keys that look alike, one after the other, are each what they are", () => {
    // All of four bytes, of which the first and the last are the same; one is an escape, one two letters.
    const spelled = ["abcd", "aBCd", "abcd", "a\\td", "aéd", "a\\nd", "aéd", "abcd"]
    const keys = spelled.map((key) => {
      const bytes = Json.utf8(`{"${key}":1}`)
      assert.lengthOf(Json.utf8(key), 4)
      return Json.members(bytes, 0)?.map((member) => member.key)
    })
    assert.deepStrictEqual(
      keys,
      spelled.map((key) => [JSON.parse(`"${key}"`) as string])
    )
  })

  it("an array's elements are those of a strict parser", () => {
    fc.assert(
      fc.property(valueText, (text) => {
        const bytes = Json.utf8(text)
        const node = parseStrictly(text)
        const found = Json.elements(bytes, 0)?.map((span) => Json.text(bytes, span))
        assert.deepStrictEqual(found, node.type === "array" ? node.items.map((item) => item.text) : undefined)
      }),
      { numRuns: 500 }
    )
  })

  it("of several members of one name the last counts, as it does for JSON.parse", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), valueText), { maxLength: 6 }), (members) => {
        const text = `{${members.map(([key, value]) => `"${key}": ${value}`).join(" ,")}}`
        const bytes = Json.utf8(text)
        const parsed = JSON.parse(text) as Record<string, unknown>
        for (const key of ["a", "b", "c"]) {
          const span = Json.at(bytes, whole(bytes), key)
          assert.deepStrictEqual(span === undefined ? undefined : Json.parse(bytes, span), parsed[key])
        }
      })
    )
  })

  it("strings of any length end at their own quote", () => {
    const long = fc
      .array(fc.oneof(fc.constantFrom("\\", '"', "x", "é", "😀"), stringText), { maxLength: 120 })
      .map((parts) => parts.join(""))
    fc.assert(
      fc.property(long, (value) => {
        const text = JSON.stringify(value)
        const bytes = Json.utf8(`${text},"next"`)
        assert.strictEqual(skipString(bytes, 0), Json.utf8(text).length)
      }),
      { numRuns: 500 }
    )
    const halves = fc.tuple(fc.integer({ min: 0, max: 400 }), fc.constantFrom('"', "\\", '\\"', "x"))
    fc.assert(
      fc.property(fc.array(halves, { maxLength: 40 }), (parts) => {
        const text = JSON.stringify(parts.map(([length, end]) => "y".repeat(length) + end).join(""))
        assert.strictEqual(skipString(Json.utf8(`${text},"next"`), 0), text.length)
      })
    )
  })

  it("a string that never ends is not found", () => {
    assert.strictEqual(skipString(Json.utf8('"abc'), 0), -1)
    assert.strictEqual(skipString(Json.utf8('"abc\\"'), 0), -1)
    assert.strictEqual(skipString(Json.utf8(`"${"x".repeat(63)}\\`), 0), -1)
    assert.strictEqual(skipString(Json.utf8(`"${"x".repeat(200)}\\"`), 0), -1)
  })

  it("a path that is not there is not found, whatever stands in its way", () => {
    const bytes = Json.utf8('{"a":[{"b":1}],"c":"d","e":{"f":null}}')
    assert.isUndefined(Json.at(bytes, whole(bytes), "a", "b"))
    assert.isUndefined(Json.at(bytes, whole(bytes), "c", "d"))
    assert.isUndefined(Json.at(bytes, whole(bytes), "toString"))
    const span = Json.at(bytes, whole(bytes), "e", "f")
    assert.strictEqual(span === undefined ? undefined : Json.text(bytes, span), "null")
  })
})

describe("replacing parts of a text", () => {
  it("every byte outside the replaced spans stays, in its place", () => {
    const cuts = fc.uniqueArray(fc.nat({ max: 40 }), { minLength: 0, maxLength: 8 })
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 40, maxLength: 60 }), cuts, fc.uint8Array(), (bytes, places, by) => {
        const sorted = [...places].sort((a, b) => a - b)
        const spans: Array<Json.Span> = []
        for (let i = 0; i + 1 < sorted.length; i += 2) spans.push({ start: sorted[i] ?? 0, end: sorted[i + 1] ?? 0 })
        const expected: Array<number> = []
        for (let i = 0; i < bytes.length; i++) {
          if (spans.some(({ start }) => start === i)) expected.push(...by)
          if (!spans.some(({ end, start }) => start <= i && i < end)) expected.push(bytes[i] ?? 0)
        }
        const pieces = Json.splice(
          bytes,
          spans.map((span) => ({ span, by }))
        )
        assert.deepStrictEqual([...Pieces.join(pieces)], expected)
      })
    )
  })

  it("JSON put on one line means the same and holds no line break", () => {
    fc.assert(
      fc.property(space, valueText, space, (before, value, after) => {
        const line = Json.singleLine(Json.utf8(`${before}${value}${after}`))
        assert.isFalse(line.includes(0x0a) || line.includes(0x0d))
        assert.deepStrictEqual(JSON.parse(Buffer.from(line).toString()), JSON.parse(value))
      })
    )
  })

  it("JSON that is on one line already is not copied", () => {
    const bytes = Json.utf8('{"a":"\\n\\r"}')
    assert.strictEqual(Json.singleLine(bytes), bytes)
  })

  it("a value written in whatever spelling is read as that value", () => {
    const both = fc.string({ unit: "grapheme" }).chain((value) => fc.tuple(fc.constant(value), spelled(value)))
    fc.assert(
      fc.property(both, ([value, text]) => {
        const bytes = Json.utf8(text)
        assert.strictEqual(Json.parse(bytes, whole(bytes)), value)
      })
    )
  })
})

describe("a value that is read by itself", () => {
  const outcome = (read: () => unknown): unknown => {
    try {
      return [read()]
    } catch {
      return "is none"
    }
  }

  it("is what JSON.parse makes of it, also where it is hardly one", () => {
    const digits = fc.stringMatching(/^-?0{0,2}[0-9]{0,12}(?:\.[0-9]{1,2})?(?:e[0-9])?$/u)
    const strings = fc.oneof(
      fc.constantFrom(
        '"a"',
        '"a',
        'a"',
        '"a","b"',
        '"a\\"',
        '"\\u0061"',
        '"\u0001"',
        '"ü"',
        '"b"',
        '"a\\nb"',
        '"a\nb"',
        '""'
      ),
      fc.string({ unit: "binary", maxLength: 70 }).map((text) => JSON.stringify(text))
    )
    const words = fc.constantFrom(
      "true",
      "false",
      "null",
      "tru",
      "trueX",
      "falsy",
      "fals",
      "t",
      "f",
      "+1",
      " 1",
      "1 ",
      ""
    )
    fc.assert(
      fc.property(fc.oneof(digits, words, strings, valueText), (text) => {
        const bytes = Json.utf8(`[${text}]`)
        const span = { start: 1, end: bytes.length - 1 }
        assert.deepStrictEqual(
          outcome(() => Json.parse(bytes, span)),
          outcome(() => JSON.parse(text))
        )
      }),
      { numRuns: 1000 }
    )
  })
})

describe("a text as JSON", () => {
  it("is what JSON.stringify makes of it, whichever came before it", () => {
    // Many of them look alike from outside.
    const alike = fc.tuple(
      fc.constantFrom("ab", 'a"', "ü\n", "\ud800"),
      fc.string({ maxLength: 2 }),
      fc.constantFrom("x", "yz")
    )
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 80 }),
      alike.map(([head, middle, tail]) => `${head}${middle}${tail}`)
    )
    fc.assert(
      fc.property(fc.array(text, { maxLength: 30 }), (texts) => {
        for (const one of [...texts, ...texts, "", ""]) assert.strictEqual(Json.quote(one), JSON.stringify(one))
      })
    )
  })
})
