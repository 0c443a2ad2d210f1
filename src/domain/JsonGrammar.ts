/**
 * Where does what stands in a text end, and is it JSON (RFC 8259) up to there? It is read where it stands and nothing is made
 * of it: of a large message `JSON.parse` would make two copies in the heap, which cost more than all else that happens to
 * it. That the bytes are UTF-8 is for others to see.
 */
import { type Grammar, skipSpace } from "./Json.ts"
import { checkString } from "./JsonString.ts"

const QUOTE = 0x22
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COLON = 0x3a
const COMMA = 0x2c
const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const ZERO = 0x30

const isDigit = (c: number | undefined): boolean => c !== undefined && c >= 0x30 && c <= 0x39

/** The offset past the digits that begin at `at`, or -1 where there are none. */
const digits = (bytes: Uint8Array, at: number): number => {
  let i = at
  while (isDigit(bytes[i])) i++
  return i === at ? -1 : i
}

const number = (bytes: Uint8Array, at: number): number => {
  let i = bytes[at] === MINUS ? at + 1 : at
  i = bytes[i] === ZERO ? i + 1 : digits(bytes, i)
  if (i >= 0 && bytes[i] === POINT) i = digits(bytes, i + 1)
  if (i < 0 || (bytes[i] !== 0x65 && bytes[i] !== 0x45)) return i
  const sign = bytes[i + 1]
  return digits(bytes, sign === PLUS || sign === MINUS ? i + 2 : i + 1)
}

const WORDS = ["true", "false", "null"].map((word) => [...word].map((one) => one.charCodeAt(0)))

/** The offset past the value that is neither object nor array and begins at `at`, or -1. */
const scalar = (bytes: Uint8Array, at: number): number => {
  const c = bytes[at]
  if (c === QUOTE) return checkString(bytes, at)
  if (c === MINUS || isDigit(c)) return number(bytes, at)
  const word = WORDS.find(([first]) => first === c)
  return word?.every((one, index) => bytes[at + index] === one) === true ? at + word.length : -1
}

/** The offset of the value of the member whose key begins at `at`, or -1. */
const member = (bytes: Uint8Array, at: number): number => {
  if (bytes[at] !== QUOTE) return -1
  const end = checkString(bytes, at)
  if (end < 0) return -1
  const colon = skipSpace(bytes, end)
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : -1
}

/** The offset past the value that begins at `at`, or -1. However deep it is, the stack stays as it is. */
const value = (bytes: Uint8Array, at: number): number => {
  /** The brackets that will close what is open. */
  const open: Array<number> = []
  let i = at
  for (;;) {
    // A value begins at i.
    const c = bytes[i]
    if (c === OPEN_BRACE || c === OPEN_BRACKET) {
      const close = c === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET
      i = skipSpace(bytes, i + 1)
      if (bytes[i] === close) i++
      else {
        open.push(close)
        if (c === OPEN_BRACE) i = member(bytes, i)
        if (i < 0) return -1
        continue
      }
    } else {
      i = scalar(bytes, i)
      if (i < 0) return -1
    }
    // One has ended before i, and with it, it may be, what it is the last of.
    for (;;) {
      const close = open.at(-1)
      if (close === undefined) return i
      i = skipSpace(bytes, i)
      if (bytes[i] === COMMA) {
        i = skipSpace(bytes, i + 1)
        if (close === CLOSE_BRACE) i = member(bytes, i)
        if (i < 0) return -1
        break
      }
      if (bytes[i] !== close) return -1
      open.pop()
      i++
    }
  }
}

/** With it, what is located is JSON. */
export const STRICT: Grammar = { string: checkString, value }
