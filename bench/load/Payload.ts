/** What the calls carry: text that a byte search finds the ends of, and that no two requests have in common. */

/** The first byte of a payload, followed by the request's id; no other part of a message has it. */
export const BEGIN = "#"

/** The last bytes of a payload, before the quote that ends it. */
export const END = "~~"

/** Ids begin here, so that all of them have as many digits. */
export const FIRST_ID = 1_000_000

const DIGITS = String(FIRST_ID).length

/** What people and programs write: lines with quotes in them. As JSON, for it travels as that. */
const LINE = JSON.stringify('  "name": "an example", and a few words more to fill a line of text.\n').slice(1, -1)

/** A payload of so many bytes, as the inside of a JSON string; its id stands at byte 1. */
export const payload = (bytes: number): string => {
  const room = Math.max(0, bytes - BEGIN.length - DIGITS - END.length)
  const whole = Math.floor(room / LINE.length)
  return `${BEGIN}${FIRST_ID}${LINE.repeat(whole)}${"x".repeat(room - whole * LINE.length)}${END}`
}

/** Writes an id over the digits of another. */
export const writeId = (buffer: Buffer, at: number, id: number): void => {
  for (let digit = DIGITS - 1, rest = id; digit >= 0; digit--, rest = Math.floor(rest / 10)) {
    buffer[at + digit] = 0x30 + (rest % 10)
  }
}
