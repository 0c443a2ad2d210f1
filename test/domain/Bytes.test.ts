/** Sizes as people type them. */
import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { parse } from "../../src/domain/Bytes.ts"

describe("a size", () => {
  it.each([
    ["0", 0],
    ["1024", 1024],
    ["12 B", 12],
    ["500MB", 500_000_000],
    ["1.5 kb", 1500],
    ["2 GiB", 2_147_483_648],
    [" 1 tb ", 1e12]
  ])("%s is %i bytes", (text, bytes) => {
    assert.deepStrictEqual(parse(text), Option.some(bytes))
  })

  it.each(["", "MB", "-1", "1 M", "1e3", "0x10", "1,5 MB", "ten", "99999999 TB", "1 constructor", "1 __proto__"])(
    "%s is none",
    (text) => {
      assert.deepStrictEqual(parse(text), Option.none())
    }
  )

  it("without a unit is bytes", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        assert.deepStrictEqual(parse(String(bytes)), Option.some(bytes))
      })
    )
  })
})
