/** Any text passes through a header whole; what cannot have been sent so is not read. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { validateHeaderValue } from "node:http"
import * as HeaderText from "../../src/domain/HeaderText.ts"

const blanks = fc.constantFrom("", " ", "\t", " \t ")
const texts = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("=", "?", "base64", " ", "\t", "a", "é", "\n") }),
  fc.string().map((text) => `=?base64?${text}?=`)
)

describe("a text in a header", () => {
  it("is read as it was written, whatever blanks are put around it", () => {
    fc.assert(
      fc.property(texts, blanks, blanks, (text, before, after) => {
        assert.strictEqual(HeaderText.decode(before + HeaderText.encode(text) + after), text)
      }),
      { numRuns: 3000 }
    )
  })

  it("is written in nothing but visible ASCII, blanks only within", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const value = HeaderText.encode(text)
        validateHeaderValue("mcp-name", value)
        assert.match(value, /^[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?$/u)
      }),
      { numRuns: 3000 }
    )
  })

  it("is encoded where it begins and ends as encoded ones do, even where the two overlap", () => {
    assert.strictEqual(HeaderText.encode("=?base64?="), "=?base64?PT9iYXNlNjQ/PQ==?=")
  })
})

describe("a header's value", () => {
  it.each([
    ["an unknown character", "=?base64?Y!k?="],
    ["no padding", "=?base64?YWRkcw?="],
    ["too much padding", "=?base64?YWRk====?="],
    ["the alphabet of URLs", "=?base64?_-8=?="],
    ["bytes that are not UTF-8", "=?base64?//8=?="],
    ["markers that overlap", "=?base64?="],
    ["characters beyond ASCII", "caf\u{e9}"],
    ["control characters", "a\u{7f}"]
  ])("with %s is no text", (_, value) => assert.isUndefined(HeaderText.decode(value)))

  it.each(["=?BASE64?YWRk?=", "=?base64?YWRk", "YWRk?=", "a=?base64?YWRk?=", "", "a\tb"])(
    "without both markers, in this case, is itself: %j",
    (value) => assert.strictEqual(HeaderText.decode(value), value)
  )

  it("is trimmed in time that grows no faster than it does", () => {
    const value = `a${" ".repeat(400_000)}b`
    assert.strictEqual(HeaderText.trim(` ${value}\t`), value)
  })
})
