/**
 * Finding values in a JSON text without parsing it.
 *
 * These functions locate; they do not validate. A text that came from outside is validated by whoever admits it
 * (`ClientMessage`), or is structurally checked as far as its top level (`Frame`).
 */

import { isAscii } from "node:buffer"
import { skipString } from "./JsonString.ts"
import type { Pieces } from "./Pieces.ts"

/** Where a value stands in a text: byte offsets, the end exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** One member of an object: the key as decoded text, where it begins (with its quotes), and the span of the value. */
export interface Member {
  readonly key: string
  readonly at: number
  readonly value: Span
}

const QUOTE = 0x22
const COLON = 0x3a
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** The offset of the first byte at or after `at` that is not JSON white space. */
export const skipSpace = (bytes: Uint8Array, at: number): number => {
  let i = at
  for (;;) {
    const c = bytes[i]
    if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) i++
    else return i
  }
}

const isDelimiter = (c: number): boolean =>
  c === COMMA || c === CLOSE_BRACE || c === CLOSE_BRACKET || c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09

/** The offset just past the value that begins at `at`, or -1 where none begins or it never ends. */
export const skipValue = (bytes: Uint8Array, at: number): number => {
  const first = bytes[at]
  if (first === QUOTE) return skipString(bytes, at)
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    let i = at
    while (i < bytes.length && !isDelimiter(bytes[i]!)) i++
    return i === at ? -1 : i
  }
  let depth = 0
  let i = at
  while (i < bytes.length) {
    const c = bytes[i]
    if (c === QUOTE) {
      i = skipString(bytes, i)
      if (i < 0) return -1
      continue
    }
    i++
    if (c === OPEN_BRACE || c === OPEN_BRACKET) depth++
    else if ((c === CLOSE_BRACE || c === CLOSE_BRACKET) && --depth === 0) return i
  }
  return -1
}

/** Up to here it is not worth it to look whether all of it is ASCII. */
const SHORT = 64

/** The same bytes, as what can be searched and read as text; nothing is copied. */
export const asBuffer = (bytes: Uint8Array, start = 0, end = bytes.length): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)

/** The text of the bytes from `start` to `end`; what is ASCII need only be copied. */
const decode = (bytes: Uint8Array, start: number, end: number): string => {
  const slice = asBuffer(bytes, start, end)
  return slice.length > SHORT && isAscii(slice) ? slice.toString("latin1") : slice.toString()
}

/** The text of the bytes of a span. */
export const text = (bytes: Uint8Array, { end, start }: Span): string => decode(bytes, start, end)

/** Digits that are no more than a small integer has. */
const FEW_DIGITS = 9
const ZERO = 0x30

/** The whole number, true or false that a span holds, without an exponent, a sign, or many digits; undefined for all else. */
const simple = (bytes: Uint8Array, { end, start }: Span): number | boolean | undefined => {
  const first = bytes[start]
  const length = end - start
  if (first === 0x74) return length === 4 && isAt(bytes, start, "true") ? true : undefined
  if (first === 0x66) return length === 5 && isAt(bytes, start, "false") ? false : undefined
  if (length > FEW_DIGITS || length < 1 || (first === ZERO && length > 1)) return undefined
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - ZERO
    if (!(digit >= 0 && digit <= 9)) return undefined
    value = value * 10 + digit
  }
  return value
}

/** The parsed value of a span; undefined where there is none, or where its bytes are not JSON. */
export const tryParse = (bytes: Uint8Array, span: Span | undefined): unknown => {
  if (span === undefined) return undefined
  try {
    return parse(bytes, span)
  } catch {
    return undefined
  }
}

/** How deeply the brackets of a value are nested. */
export const depth = (bytes: Uint8Array, { end, start }: Span): number => {
  let deepest = 0
  let open = 0
  for (let i = start; i < end; i++) {
    const c = bytes[i]
    if (c === QUOTE) i = skipString(bytes, i) - 1
    else if (c === OPEN_BRACE || c === OPEN_BRACKET) deepest = Math.max(deepest, ++open)
    else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) open--
  }
  return deepest
}

const decodeKey = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  const raw = decode(bytes, start, end)
  if (!raw.includes("\\")) return raw
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch {
    return undefined
  }
}

const isAt = (bytes: Uint8Array, start: number, text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false
  return true
}

/** How many short texts are remembered of each kind; a power of two. */
const SLOTS = 256

/** Longer ones are not. */
const LONGEST = 64

/** Texts that came last, where each is looked for. */
const lately = (): Array<string> => Array.from({ length: SLOTS }, () => "")

const slotOf = (bytes: Uint8Array, start: number, length: number): number =>
  (31 * length + 7 * (bytes[start] ?? 0) + (bytes[start + length - 1] ?? 0)) & (SLOTS - 1)

/** The one among them that these bytes are, if any is. */
const recall = (texts: ReadonlyArray<string>, bytes: Uint8Array, start: number, length: number): string | undefined => {
  const known = texts[slotOf(bytes, start, length)]
  return known?.length === length && isAt(bytes, start, known) ? known : undefined
}

/** Keeps what these bytes were read as, where it has as many characters as they are: it is ASCII, and nothing is escaped. */
const remember = (texts: Array<string>, bytes: Uint8Array, start: number, length: number, read: string): void => {
  if (read.length === length && length <= LONGEST) texts[slotOf(bytes, start, length)] = read
}

/** Keys: messages have the same few, and making texts of them costs more than finding the members does. */
const familiar = lately()

/** The text of a key whose quotes stand around it, or undefined where it is none. */
const keyOf = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  const known = recall(familiar, bytes, start, end - start)
  if (known !== undefined) return known
  const key = decodeKey(bytes, start, end)
  if (key !== undefined) remember(familiar, bytes, start, end - start, key)
  return key
}

/** Values. Each was valid JSON, which keys need not have been, and so are the same bytes again. */
const usual = lately()

/** The parsed value of a string; its quotes are in the span. */
const parseString = (bytes: Uint8Array, { end, start }: Span): unknown => {
  const length = end - start - 2
  const known = bytes[end - 1] === QUOTE ? recall(usual, bytes, start + 1, length) : undefined
  if (known !== undefined) return known
  const value: unknown = JSON.parse(decode(bytes, start, end))
  if (typeof value === "string") remember(usual, bytes, start + 1, length, value)
  return value
}

/** The parsed value of a span; throws a SyntaxError where its bytes are not JSON. */
export const parse = (bytes: Uint8Array, span: Span): unknown => {
  if (bytes[span.start] === QUOTE && span.end - span.start <= LONGEST) return parseString(bytes, span)
  return simple(bytes, span) ?? JSON.parse(text(bytes, span))
}

/** An object: where it begins, its members in their order, duplicates included, and the offset just past it. */
export interface ObjectAt {
  readonly start: number
  readonly members: ReadonlyArray<Member>
  readonly end: number
  /** The last of its members whose name was asked for, where that is an object itself. */
  readonly inner: ObjectAt | undefined
}

/** The offset past what begins at `at`, or -1. */
type Skip = (bytes: Uint8Array, at: number) => number

/** How the ends of strings and of values are found. */
export interface Grammar {
  readonly string: Skip
  readonly value: Skip
}

const LENIENT: Grammar = { string: skipString, value: skipValue }

const NONE: ReadonlySet<string> = new Set()

/**
 * The object that begins at `at`, and those of its members that have one of the names likewise, in one pass; undefined where
 * it is malformed.
 */
export const objectAt = (
  bytes: Uint8Array,
  at: number,
  innerKeys = NONE,
  grammar: Grammar = LENIENT
): ObjectAt | undefined => {
  if (bytes[at] !== OPEN_BRACE) return undefined
  const found: Array<Member> = []
  let inner: ObjectAt | undefined
  let i = skipSpace(bytes, at + 1)
  if (bytes[i] === CLOSE_BRACE) return { start: at, members: found, end: i + 1, inner }
  for (;;) {
    if (bytes[i] !== QUOTE) return undefined
    const keyEnd = grammar.string(bytes, i)
    if (keyEnd < 0) return undefined
    const keyAt = i
    const key = keyOf(bytes, keyAt + 1, keyEnd - 1)
    if (key === undefined) return undefined
    i = skipSpace(bytes, keyEnd)
    if (bytes[i] !== COLON) return undefined
    const start = skipSpace(bytes, i + 1)
    const isInner = innerKeys.has(key)
    if (isInner) inner = objectAt(bytes, start, NONE, grammar)
    const end = isInner && inner !== undefined ? inner.end : grammar.value(bytes, start)
    if (end < 0) return undefined
    found.push({ key, at: keyAt, value: { start, end } })
    i = skipSpace(bytes, end)
    if (bytes[i] === CLOSE_BRACE) return { start: at, members: found, end: i + 1, inner }
    if (bytes[i] !== COMMA) return undefined
    i = skipSpace(bytes, i + 1)
  }
}

/** The members of the object that begins at `at`, in their order, duplicates included; undefined where it is malformed. */
export const members = (bytes: Uint8Array, at: number): ReadonlyArray<Member> | undefined =>
  objectAt(bytes, at)?.members

/** The spans of the elements of the array that begins at `at`; undefined where it is malformed. */
export const elements = (bytes: Uint8Array, at: number): ReadonlyArray<Span> | undefined => {
  if (bytes[at] !== OPEN_BRACKET) return undefined
  const found: Array<Span> = []
  let i = skipSpace(bytes, at + 1)
  if (bytes[i] === CLOSE_BRACKET) return found
  for (;;) {
    const end = skipValue(bytes, i)
    if (end < 0) return undefined
    found.push({ start: i, end })
    i = skipSpace(bytes, end)
    if (bytes[i] === CLOSE_BRACKET) return found
    if (bytes[i] !== COMMA) return undefined
    i = skipSpace(bytes, i + 1)
  }
}

/** The last member of that name: what `JSON.parse` would keep of duplicates. */
export const lookup = (all: ReadonlyArray<Member>, key: string): Member | undefined => {
  for (let i = all.length - 1; i >= 0; i--) if (all[i]!.key === key) return all[i]
  return undefined
}

/** The value at a path of keys below the value of `span`, or undefined where there is none. */
export const at = (bytes: Uint8Array, span: Span, ...path: ReadonlyArray<string>): Span | undefined => {
  let here = span
  for (const key of path) {
    const found = members(bytes, here.start)
    const member = found === undefined ? undefined : lookup(found, key)
    if (member === undefined) return undefined
    here = member.value
  }
  return here
}

/** One replacement of the bytes of a span by others. */
export interface Edit {
  readonly span: Span
  readonly by: Uint8Array
}

/** The pieces of the text with each span replaced; spans are disjoint and in ascending order. The rest is not copied. */
export const splice = (bytes: Uint8Array, edits: ReadonlyArray<Edit>): Pieces => {
  const pieces: Array<Uint8Array> = []
  let from = 0
  for (const { by, span } of edits) {
    if (span.start > from) pieces.push(bytes.subarray(from, span.start))
    pieces.push(by)
    from = span.end
  }
  if (from < bytes.length) pieces.push(bytes.subarray(from))
  return pieces
}

/** Short texts that came last, and what they are as JSON. */
const short = lately()
const quoted: Array<string> = Array.from({ length: SLOTS }, () => '""')

/** A text as JSON; of short ones the last are remembered, for messages and records have the same few. */
export const quote = (value: string): string => {
  const { length } = value
  if (length > LONGEST) return JSON.stringify(value)
  const middle = value.charCodeAt(length >> 1)
  const slot = (31 * length + 7 * value.charCodeAt(0) + 3 * middle + value.charCodeAt(length - 1)) & (SLOTS - 1)
  if (short[slot] !== value) {
    quoted[slot] = JSON.stringify(value)
    short[slot] = value
  }
  return quoted[slot]!
}

/** The bytes of a value as compact JSON. */
export const encode = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))

/** The bytes of a text. */
export const utf8 = (value: string): Uint8Array => Buffer.from(value)

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/**
 * The same JSON on one line: raw line feeds and carriage returns become spaces. In valid JSON they stand between
 * tokens only; left in, they would end the line (stdio) or the field (SSE) and let a body smuggle a second message.
 */
export const singleLine = (bytes: Uint8Array): Uint8Array => {
  if (!bytes.includes(LINE_FEED) && !bytes.includes(CARRIAGE_RETURN)) return bytes
  return bytes.map((c) => (c === LINE_FEED || c === CARRIAGE_RETURN ? 0x20 : c))
}
