/** Durations as configuration files spell them. */
import { assert, describe, it } from "@effect/vitest"
import * as EffectDuration from "effect/Duration"
import * as Option from "effect/Option"
import * as Duration from "../../src/domain/Duration.ts"

const millis = (text: string): number | undefined =>
  Option.getOrUndefined(Option.map(Duration.parse(text), EffectDuration.toMillis))

describe("a duration", () => {
  it.each([
    ["500 ms", 500],
    ["500ms", 500],
    ["30 s", 30_000],
    ["30s", 30_000],
    ["1.5 s", 1500],
    ["1 second", 1000],
    ["5 minutes", 300_000],
    ["1 minute", 60_000],
    ["2m", 120_000],
    ["1 hour", 3_600_000],
    ["24 h", 86_400_000],
    ["1 day", 86_400_000],
    ["10 millis", 10],
    [" 0 s ", 0]
  ])("%s is %i milliseconds", (text, expected) => {
    assert.strictEqual(millis(text), expected)
  })

  it.each(["", "30", "s", "30 x", "-1 s", "1e3 s", "1 s 500 ms", ".5 s", "1,5 s", "Infinity", "30 S", "1 month"])(
    "%s is none: a number has a unit",
    (text) => {
      assert.isUndefined(millis(text))
    }
  )
})
