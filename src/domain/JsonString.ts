/** Where a string of a JSON text ends (RFC 8259, 7). */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LOWER_U = 0x75

/** Up to here a string is walked byte by byte; what ends one that is longer is found in other ways. */
const NEAR = 64

/** A search that finds something nearer than this has cost more than walking there. */
const FAR = 256

/** What may follow a backslash, `u` excepted: 1 at its code. */
const ESCAPES = new Uint8Array(256)
for (const one of '"\\/bfnrt') ESCAPES[one.charCodeAt(0)] = 1

const isHex = (c: number): boolean => (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66)

/** The offset past the escape whose backslash stands at `at`, or -1. */
const escape = (bytes: Uint8Array, at: number): number => {
  const c = bytes[at + 1] ?? 0
  if (ESCAPES[c] === 1) return at + 2
  if (c !== LOWER_U) return -1
  for (let i = at + 2; i < at + 6; i++) if (!isHex(bytes[i] ?? 0)) return -1
  return at + 6
}

const EACH = 0x01010101
const HIGHEST = 0x80808080

/**
 * The highest bit of each byte that is a quote, a backslash or below 0x20. The lowest of those bits is right; above it
 * there may be one too many, for the subtractions borrow.
 */
const marked = (word: number): number =>
  ((word - 0x20 * EACH) | ((word ^ (QUOTE * EACH)) - EACH) | ((word ^ (BACKSLASH * EACH)) - EACH)) & ~word & HIGHEST

/** In which byte of a word, from 0, its lowest bit stands that is 1. */
const lowest = (bits: number): number => (31 - Math.clz32(bits & -bits)) >> 3

/** The first byte is to be a word's lowest. */
const HAS_WORDS = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/**
 * The offset past the string of which the byte at `from` is inside, and no part of an escape; -1 where it never ends, and, if
 * that is `checked`, where it holds what no string may. Four bytes are looked at in one step, as a word.
 */
export const skipRest = (bytes: Uint8Array, from: number, checked: boolean): number => {
  const { buffer, byteOffset, length } = bytes
  // The whole words that begin at the first byte, or a few bytes before it. What is behind the last is looked at by itself.
  const before = byteOffset & 3
  const words = new Int32Array(buffer, byteOffset - before, HAS_WORDS ? (before + length) >> 2 : 0)
  const count = words.length
  /** Counted from the first word. */
  let at = from + before
  for (;;) {
    let index = at >> 2
    if (index < count) {
      // Not what of the first word is behind us.
      let marks = marked(words[index]!) & (-1 << ((at & 3) << 3))
      while (marks === 0 && ++index < count) marks = marked(words[index]!)
      at = (index << 2) + (marks === 0 ? 0 : lowest(marks))
    }
    const c = bytes[at - before]
    if (c === BACKSLASH && ESCAPES[bytes[at - before + 1] ?? 0] === 1) at += 2
    else if (c === QUOTE) return at - before + 1
    else if (c === undefined) return -1
    else if (!checked) at += c === BACKSLASH ? 2 : 1
    else if (c === BACKSLASH) {
      const end = escape(bytes, at - before)
      if (end < 0) return -1
      at = end + before
    } else if (c < 0x20) return -1
    else at++
  }
}

/** The offset just past the string whose opening quote stands at `at`, or -1 where it never ends. */
export const skipString = (bytes: Uint8Array, at: number): number => {
  const near = Math.min(bytes.length, at + NEAR)
  let i = at + 1
  while (i < near) {
    const c = bytes[i]
    if (c === QUOTE) return i + 1
    i += c === BACKSLASH ? 2 : 1
  }
  for (;;) {
    const quote = bytes.indexOf(QUOTE, i)
    if (quote < 0) return -1
    // Where quotes are frequent, as in JSON within JSON, walking is cheaper.
    if (quote - i < FAR) return skipRest(bytes, i, false)
    let before = quote - 1
    while (before >= i && bytes[before] === BACKSLASH) before--
    if (((quote - 1 - before) & 1) === 0) return quote + 1
    i = quote + 1
  }
}

/** The same, or -1 where it holds what no string may. */
export const checkString = (bytes: Uint8Array, at: number): number => {
  const near = Math.min(bytes.length, at + NEAR)
  let i = at + 1
  while (i < near) {
    const c = bytes[i]!
    // Most of what is written is past the backslash, so that is asked first.
    if (c > BACKSLASH) i++
    else if (c === QUOTE) return i + 1
    else if (c === BACKSLASH) {
      i = escape(bytes, i)
      if (i < 0) return -1
    } else if (c < 0x20) return -1
    else i++
  }
  return skipRest(bytes, i, true)
}
