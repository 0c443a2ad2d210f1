/** Sizes as people write them: a number and a unit. */
import * as Option from "effect/Option"

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4
}

const PATTERN = new RegExp(`^\\s*(\\d+(?:\\.\\d+)?)\\s*(${Object.keys(UNITS).join("|")})\\s*$`, "iu")

/** What an error asks for in place of something that is no size. */
export const EXPECTED = 'a size with a unit, such as "512 MB", "1.5 GB" or "64 MiB"'

/** The bytes of a text such as `512 MB`; none where it has no unit or is none. */
export const parse = (text: string): Option.Option<number> => {
  const match = PATTERN.exec(text)
  const unit = match?.[2] === undefined ? undefined : UNITS[match[2].toLowerCase()]
  return match === null || unit === undefined ? Option.none() : Option.some(Math.round(Number(match[1]) * unit))
}
