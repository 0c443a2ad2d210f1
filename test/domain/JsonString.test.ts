/** Long strings end where they end when they are read byte by byte. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { skipRest } from "../../src/domain/JsonString.ts"

const ESCAPE = /^\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/u

const byteByByte = (bytes: Uint8Array, from: number, checked: boolean): number => {
  for (let i = from; i < bytes.length;) {
    const c = bytes[i]!
    if (c === 0x22) return i + 1
    if (c < 0x20 && checked) return -1
    if (c === 0x5c) {
      const [escape = ""] = ESCAPE.exec(Buffer.from(bytes.subarray(i, i + 6)).toString("latin1")) ?? []
      if (checked && escape === "") return -1
      i += checked ? escape.length : 2
    } else i++
  }
  return -1
}

/** What matters and its neighbours, by which words are mistaken for it if at all; and what is plain, most of the time. */
const byte = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0x61) },
  fc.constantFrom(
    0x22,
    0x23,
    0x21,
    0x5c,
    0x5d,
    0x5b,
    0x1f,
    0x20,
    0x00,
    0x01,
    0x75,
    0x30,
    0x6e,
    0x7f,
    0x80,
    0xa2,
    0xdc,
    0xff
  ),
  fc.integer({ min: 0, max: 255 })
)

describe("the end of a string", () => {
  it("is found as if each byte were looked at, wherever the bytes lie in their buffer", () => {
    fc.assert(
      fc.property(
        fc.array(byte, { maxLength: 60 }),
        fc.nat({ max: 7 }),
        fc.nat({ max: 9 }),
        fc.boolean(),
        (content, offset, from, checked) => {
          // Around it stands what would end it.
          const whole = new Uint8Array(offset + content.length + 5).fill(0x22)
          whole.set(content, offset)
          const bytes = whole.subarray(offset, offset + content.length)
          assert.strictEqual(skipRest(bytes, from, checked), byteByByte(bytes, from, checked))
        }
      ),
      { numRuns: 20_000 }
    )
  })

  it("is there at any distance", () => {
    for (let length = 0; length < 300; length++) {
      const bytes = Buffer.from(`${"é".repeat(length)}"`)
      assert.strictEqual(skipRest(bytes, 0, true), bytes.length)
      assert.strictEqual(skipRest(bytes.subarray(0, -1), 0, true), -1)
    }
  })
})
