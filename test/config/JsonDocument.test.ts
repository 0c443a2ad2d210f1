/** A JSON file with its places: errors and remarks name the line. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as JsonDocument from "../../src/config/JsonDocument.ts"
import { valueText } from "../support/jsonText.ts"

const document = (text: string): JsonDocument.JsonDocument => Result.getOrThrow(JsonDocument.read(text))

const problem = (text: string): JsonDocument.SyntaxProblem => Result.getOrThrow(Result.flip(JsonDocument.read(text)))

describe("a text that is JSON", () => {
  it("has the value that JSON.parse gives", () => {
    fc.assert(
      fc.property(valueText, (text) => {
        assert.deepStrictEqual(document(text).value, JSON.parse(text))
      }),
      { numRuns: 300 }
    )
  })

  it("may begin with the mark that some editors write", () => {
    assert.deepStrictEqual(document('\ufeff{"a":1}').value, { a: 1 })
  })

  const lines = document(
    ['{ "a": {', '    "b": [1,', "      { ", '        "c.d": "x" } ]', "  },", '  "a\\u0062": null', "}"].join("\n")
  )

  it.each([
    [[], 1],
    [["a"], 1],
    [["a", "b"], 2],
    [["a", "b", 0], 2],
    [["a", "b", 1], 3],
    [["a", "b", 1, "c.d"], 4],
    [["ab"], 6],
    [["a", "nowhere"], 1],
    [["a", "b", 7], 2],
    [["a", "b", 1, "c.d", "deeper"], 4]
  ] satisfies ReadonlyArray<readonly [ReadonlyArray<PropertyKey>, number]>)(
    "the value at %j is on line %i",
    (path, line) => {
      assert.strictEqual(lines.lineOf(path), line)
    }
  )

  it("of two values of one key, the line is that of the one that counts", () => {
    assert.strictEqual(document('{"a":1,\n"a":2}').lineOf(["a"]), 2)
  })

  it("lines are counted as editors count them, whatever ends them", () => {
    assert.strictEqual(document('{\r\n"a":\r\n1}').lineOf(["a"]), 3)
  })
})

describe("keys that stand twice", () => {
  it("are told with their path and both lines, at any depth", () => {
    const { duplicates } = document('{\n"a": {"x": 1,\n"x": 2},\n"b": [{"y": 1, "\\u0079": 2}],\n"a": 3\n}')
    assert.deepStrictEqual(duplicates, [
      { path: ["a", "x"], lines: [2, 3] },
      { path: ["b", "0", "y"], lines: [4, 4] },
      { path: ["a"], lines: [2, 5] }
    ])
  })

  it("are told each time they come again", () => {
    assert.deepStrictEqual(
      document('{"a":1,\n"a":2,\n"a":3}').duplicates.map(({ lines }) => lines),
      [
        [1, 2],
        [2, 3]
      ]
    )
  })

  it("are none where two objects have the same keys", () => {
    assert.deepStrictEqual(document('[{"a":1},{"a":2},{"b":{"a":3}}]').duplicates, [])
  })
})

describe("a text that is no JSON", () => {
  it.each([
    ["a trailing comma", '{\n  "a": 1,\n}', 3, 1, "}"],
    ["a comment", '{\n  "a": 1 // one\n}', 2, 10, '  "a": 1 // one'],
    ["a missing comma", '{\n  "a": 1\n  "b": 2\n}', 3, 3, '  "b": 2'],
    ["a missing colon", '{"a" 1}', 1, 6, '{"a" 1}'],
    ["a missing value", '{\n "a": }', 2, 7, ' "a": }'],
    ["single quotes", "{'a': 1}", 1, 2, "{'a': 1}"],
    ["a key without quotes", "{a: 1}", 1, 2, "{a: 1}"],
    ["a leading zero", '{\n "a": 01}', 2, 8, ' "a": 01}'],
    ["NaN", '{"a": NaN}', 1, 7, '{"a": NaN}'],
    ["a word cut short", '{"a": tru}', 1, 7, '{"a": tru}'],
    ["text after the end", '{"a": 1}\n\n}', 3, 1, "}"],
    ["an unknown escape", '{"a": "\\x"}', 1, 9, '{"a": "\\x"}'],
    ["a raw tab in a string", '{\r\n"a": "x\ty"}', 2, 8, '"a": "x\ty"}'],
    ["a mark at the beginning, not counted as a column", '\ufeff{"a":1,}', 1, 8, '{"a":1,}']
  ])("is told by line, column, and the line itself: %s", (_, text, line, column, source) => {
    const found = problem(text)
    assert.deepStrictEqual([found.line, found.column, found.source], [line, column, source])
    assert.isNotEmpty(found.reason)
  })

  it.each([
    ['{\n  "a": {\n', 3],
    ['{\n  "a": 1,\n', 3],
    ['{\n  "a": [1,\n', 3],
    ['{\n  "a": "x', 2],
    ['{\n  "a":\n', 3],
    ["", 1]
  ])("that was cut off is complained of where it ends, not where it was still right: %j", (text, line) => {
    assert.strictEqual(problem(text).line, line)
  })

  it.each(['{"a":1,}', "[1,]", '{"a" 1}', '{"a":}', '{"a":1 "b":2}', "[1 2]"])(
    "is told in the file's own characters, not in a parser's words: %s",
    (text) => {
      assert.notMatch(problem(text).reason, /[LR]Brac|Comma|Colon|Number|String/u)
    }
  )

  it("no text makes reading throw, and what is read is what JSON.parse reads", () => {
    const damaged = fc
      .tuple(valueText, fc.nat(), fc.string({ maxLength: 2 }))
      .map(
        ([text, at, junk]) => text.slice(0, at % (text.length + 1)) + junk + text.slice((at % (text.length + 1)) + 1)
      )
    fc.assert(
      fc.property(fc.oneof(damaged, fc.string()), (text) => {
        const read = JsonDocument.read(text)
        let expected: unknown
        try {
          expected = JSON.parse(text.replace(/^\ufeff/u, ""))
        } catch {
          assert.isTrue(Result.isFailure(read))
          return
        }
        assert.deepStrictEqual(Result.getOrThrow(read).value, expected)
      }),
      { numRuns: 500 }
    )
  })
})
