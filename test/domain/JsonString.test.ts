/** Strings end where they end when they are read byte by byte. */
import { afterAll, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import * as fc from "fast-check"
import * as JsonString from "../../src/domain/JsonString.ts"

declare const WebAssembly: { readonly validate: (module: Uint8Array) => boolean }

const ESCAPE = /^\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/u

const byteByByte = (bytes: Uint8Array, at: number, checked: boolean): number => {
  for (let i = at + 1; i < bytes.length;) {
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

/** What matters and its neighbours, and what is plain, most of the time. */
const part = fc.oneof(
  { weight: 6, arbitrary: fc.constant("a") },
  { weight: 2, arbitrary: fc.constantFrom("\\\\", '\\"', "\\n", "\\u00e9", "\\uFFFF") },
  fc.constantFrom('"', "#", "!", "\\", "]", "[", "\u001f", " ", "\0", "\u0001", "u", "0", "g", "\u007f", "\u0080", "ÿ"),
  fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
)

/** Long enough that the end is not looked for byte by byte, which is what short strings are for. */
const lead = fc.constantFrom(0, 1, 40, 60, 64, 100, 127)

const agrees = ({ checkString, skipString }: typeof JsonString, bytes: Uint8Array, at: number): void => {
  assert.strictEqual(checkString(bytes, at), byteByByte(bytes, at, true))
  assert.strictEqual(skipString(bytes, at), byteByByte(bytes, at, false))
}

/** Where a look ends that comes before another one: each is four times as long as the last, up to 64 KiB. */
const BORDERS = [64, 1088, 5184, 21_568, 87_104, 152_640]

const ENDS = [
  '"',
  '\\"x"',
  '\\u00e9"',
  '\\u00zz"',
  '\\u12"34"',
  '\\\\"',
  '\\\\\\"',
  '\\\\\\"x"',
  '\n"',
  '\\x"',
  "\\",
  ""
]

const promises = (ends: () => typeof JsonString): void => {
  it("is found as if each byte were looked at, wherever the bytes lie in their buffer", () => {
    fc.assert(
      fc.property(
        lead,
        fc.array(part, { maxLength: 90 }),
        fc.nat({ max: 7 }),
        fc.nat({ max: 9 }),
        (plain, parts, offset, at) => {
          const content = Buffer.from(`${"b".repeat(plain)}${parts.join("")}`, "latin1")
          // Around it stands what would end it.
          const whole = new Uint8Array(offset + content.length + 5).fill(0x22)
          whole.set(content, offset)
          agrees(ends(), whole.subarray(offset, offset + content.length), at)
        }
      ),
      { numRuns: 20_000 }
    )
  })

  it("is there at any distance", () => {
    for (let length = 0; length < 300; length++) {
      const bytes = Buffer.from(`"${"é".repeat(length)}"`)
      assert.strictEqual(ends().checkString(bytes, 0), bytes.length)
      assert.strictEqual(ends().checkString(bytes.subarray(0, -1), 0), -1)
    }
  })

  it("is there across every border of what is looked at at a time", () => {
    for (const border of BORDERS) {
      for (let length = border - 12; length < border + 6; length++) {
        for (const end of ENDS)
          agrees(ends(), Buffer.from(`"${"\\\\".repeat(6)}${"é".repeat(6)}${"y".repeat(length - 24)}${end}`), 0)
      }
    }
  })
}

describe("the end of a string", () => {
  promises(() => JsonString)

  it("is looked for by WebAssembly once a long string comes, and a processor can do that", async () => {
    vi.resetModules()
    const fresh = await import("../../src/domain/JsonString.ts")
    const validate = vi.spyOn(WebAssembly, "validate")
    fresh.checkString(Buffer.from('"short"'), 0)
    assert.isEmpty(validate.mock.results)
    for (let time = 0; time < 2; time++) fresh.checkString(Buffer.from(`"${"long".repeat(100)}"`), 0)
    assert.deepStrictEqual(
      validate.mock.results.map(({ value }) => value as unknown),
      [true]
    )
    validate.mockRestore()
  })
})

describe("the end of a string, where there is no WebAssembly", () => {
  let withoutIt = JsonString
  beforeAll(async () => {
    vi.resetModules()
    vi.stubGlobal("WebAssembly", undefined)
    withoutIt = await import("../../src/domain/JsonString.ts")
  })
  afterAll(() => void vi.unstubAllGlobals())
  promises(() => withoutIt)
})
