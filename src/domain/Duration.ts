/** Durations as configuration files spell them: a number and a unit. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  millis: 1,
  milliseconds: 1,
  s: 1000,
  second: 1000,
  seconds: 1000,
  m: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000
}

const PATTERN = new RegExp(`^\\s*(\\d+(?:\\.\\d+)?)\\s*(${Object.keys(UNITS).join("|")})\\s*$`, "u")

/** What an error asks for in place of something that is no duration. */
export const EXPECTED = 'a duration with a unit, such as "500 ms", "30 s" or "5 minutes"'

/** The duration of a text such as `30 s`; none where it has no unit or is none. */
export const parse = (text: string): Option.Option<Duration.Duration> => {
  const match = PATTERN.exec(text)
  const unit = match?.[2] === undefined ? undefined : UNITS[match[2]]
  return match === null || unit === undefined ? Option.none() : Option.some(Duration.millis(Number(match[1]) * unit))
}

/** A text that `parse` understands. */
export const DurationText = Schema.String.annotate({ message: `Expected ${EXPECTED}` }).check(
  Schema.isPattern(PATTERN, { expected: EXPECTED })
)
