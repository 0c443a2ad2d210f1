/** Which texts are keys as they stand, and which are stretched first. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { randomBytes } from "node:crypto"
import * as KeyText from "../../src/keys/KeyText.ts"

describe("a text", () => {
  it("of 32 random bytes in hexadecimal is strong, in either case", () => {
    for (let round = 0; round < 200; round++) {
      const text = randomBytes(32).toString("hex")
      assert.isTrue(KeyText.isStrong(text), text)
      assert.isTrue(KeyText.isStrong(text.toUpperCase()), text)
    }
  })

  it("of 48 random bytes in base64 is strong, in either alphabet", () => {
    for (let round = 0; round < 200; round++) {
      const bytes = randomBytes(48)
      for (const encoding of ["base64", "base64url"] as const) {
        assert.isTrue(KeyText.isStrong(bytes.toString(encoding)), bytes.toString(encoding))
      }
    }
  })

  it.each([
    "a".repeat(64),
    "0123456789".repeat(7),
    "deadbeef".repeat(8),
    "correct horse battery staple correct horse battery staple",
    "correcthorsebatterystaplecorrecthorsebatterystaple",
    "GOCSPX-1234567890abcdefghijklmno",
    "Password1".repeat(6),
    ""
  ])("such as %j is weak", (text) => {
    assert.isFalse(KeyText.isStrong(text))
  })

  it("shorter than 32 bytes are written is weak, whatever it is", () => {
    fc.assert(fc.property(fc.string({ maxLength: 42 }), (text) => !KeyText.isStrong(text)))
  })

  it("of few different letters is weak, however long it is", () => {
    const few = fc.string({ unit: fc.constantFrom(..."aB3-x7Qz9"), minLength: 43, maxLength: 200 })
    fc.assert(fc.property(few, (text) => !KeyText.isStrong(text)))
  })
})
