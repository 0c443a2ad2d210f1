/** How long a server wants to be left alone: seconds or a date, within bounds. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as RetryAfter from "../../src/domain/RetryAfter.ts"

const NOW = Date.parse("2026-11-22T12:00:00Z")

describe("Retry-After", () => {
  it.each([
    ["30", 30_000],
    [" 30 ", 30_000],
    ["0", 1000],
    ["86400", 3_600_000],
    ["99999999999999999999", 3_600_000],
    ["Sun, 22 Nov 2026 12:01:30 GMT", 90_000],
    ["Sunday, 22-Nov-26 12:01:30 GMT", 90_000],
    ["Sun Nov 22 12:01:30 2026 GMT", 90_000],
    ["Sun, 22 Nov 2026 11:00:00 GMT", 1000],
    ["Mon, 23 Nov 2026 12:00:00 GMT", 3_600_000]
  ])("%j is %i ms", (value, expected) => {
    assert.strictEqual(RetryAfter.parse(value, NOW), expected)
  })

  it.each([undefined, "", "soon", "-5", "1.5", "30 s", "2026-11-22T12:01:30Z", "Sun, 99 Foo 2026"])(
    "%j says nothing",
    (value) => {
      assert.isUndefined(RetryAfter.parse(value, NOW))
    }
  )

  it("never asks for less than a second, or for more than an hour", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.nat({ max: Number.MAX_SAFE_INTEGER }).map(String),
          fc.date({ noInvalidDate: true }).map((date) => date.toUTCString())
        ),
        (value) => {
          const wait = RetryAfter.parse(value, NOW)
          if (wait === undefined) return
          assert.isAtLeast(wait, 1000)
          assert.isAtMost(wait, 3_600_000)
        }
      )
    )
  })
})
