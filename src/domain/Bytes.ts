/** Sizes as people type them: a number and a unit. */
import * as Option from "effect/Option"

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
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

const PATTERN = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/iu

/** What an error asks for in place of something that is no size. */
export const EXPECTED = "a size such as 500 MB or 2 GiB; a plain number means bytes"

/** How many bytes a text such as `500 MB` means; none where it is no size. */
export const parse = (text: string): Option.Option<number> => {
  const [, amount = "", unit = ""] = PATTERN.exec(text) ?? []
  const factor = Object.hasOwn(UNITS, unit.toLowerCase()) ? UNITS[unit.toLowerCase()] : undefined
  const bytes = Math.round(Number(amount) * (factor ?? Number.NaN))
  return amount !== "" && Number.isSafeInteger(bytes) ? Option.some(bytes) : Option.none()
}
