/** Where a string of a JSON text ends (RFC 8259, 7). */
import { MODULE } from "./JsonStringModule.ts"

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Up to here a string is walked byte by byte; a longer one is looked at 64 bytes at a time. */
const NEAR = 64

/** What a byte is after a backslash: it may stand there, four hexadecimal digits have to follow, or it is such a digit. */
const KINDS = new Uint8Array(256)
const ESCAPE = 1
const U = 2
const HEX = 4
for (const [characters, what] of [
  ['"\\/bfnrt', ESCAPE],
  ["u", U],
  ["0123456789ABCDEFabcdef", HEX]
] as const) {
  for (const one of characters) KINDS[one.charCodeAt(0)]! |= what
}

const kind = (bytes: Uint8Array, at: number): number => KINDS[bytes[at] ?? 0]!

/** The offset past the escape whose backslash stands at `at`, or -1. */
const escape = (bytes: Uint8Array, at: number): number => {
  const found = kind(bytes, at + 1)
  if ((found & ESCAPE) !== 0) return at + 2
  if ((found & U) === 0) return -1
  for (let i = at + 2; i < at + 6; i++) if ((kind(bytes, i) & HEX) === 0) return -1
  return at + 6
}

/** What looking for the end says where the string goes on from an offset; the other way round by the same. */
const goesOn = (offset: number): number => -2 - offset

/**
 * The offset past the string of which the byte at `from` is inside, and no part of an escape; -1 where it holds what no
 * string may, and is `checked`; `goesOn` where it has not ended before `to`.
 */
const walk = (bytes: Uint8Array, from: number, to: number, checked: boolean): number => {
  let i = from
  while (i < to) {
    const c = bytes[i]!
    // Most of what is written is past the backslash, so that is asked first.
    if (c > BACKSLASH) i++
    else if (c === QUOTE) return i + 1
    else if (c === BACKSLASH) {
      i = checked ? escape(bytes, i) : i + 2
      if (i < 0) return -1
    } else if (c < 0x20 && checked) return -1
    else i++
  }
  return goesOn(i)
}

/** What a program has of WebAssembly where the processor is told to leave it (`node --jitless`): nothing. */
declare const WebAssembly:
  | {
      readonly validate: (module: Uint8Array) => boolean
      readonly Module: new (module: Uint8Array) => object
      readonly Instance: new (module: object) => { readonly exports: unknown }
    }
  | undefined

/** JsonString.wat, at work. */
interface Scanner {
  readonly memory: Uint8Array
  readonly skip: (from: number, to: number, isChecked: number) => number
}

/** Where in its memory what is looked at begins, and how much there may be of it. */
const BLOCK = 256
const BLOCK_MOST = 64 * 1024
/** The first part of a string that is looked at; each further one is four times as long. */
const BLOCK_FIRST = 1024

/** A part is followed by blanks up to a multiple of so many bytes. */
const STEP = 64

/** Undefined where there is no WebAssembly, or the processor lacks what it takes for 16 bytes at a time. */
const makeScanner = (): Scanner | undefined => {
  const module = Buffer.from(MODULE, "base64")
  if (typeof WebAssembly === "undefined" || !WebAssembly.validate(module)) return undefined
  const { memory, skip } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports as {
    readonly memory: { readonly buffer: ArrayBuffer }
    readonly skip: Scanner["skip"]
  }
  const bytes = new Uint8Array(memory.buffer)
  bytes.set(KINDS)
  return { memory: bytes, skip }
}

let made: { readonly scanner: Scanner | undefined } | undefined

/** Made when the first long string comes. */
const scanner = (): Scanner | undefined => {
  made ??= { scanner: makeScanner() }
  return made.scanner
}

/** As `walk` does it up to the end, with -1 also where the string never ends. */
const scan = ({ memory, skip }: Scanner, bytes: Uint8Array, from: number, checked: boolean): number => {
  let at = from
  for (let most = BLOCK_FIRST; at < bytes.length; most = Math.min(BLOCK_MOST, most * 4)) {
    const count = Math.min(most, bytes.length - at)
    memory.set(new Uint8Array(bytes.buffer, bytes.byteOffset + at, count), BLOCK)
    const padded = Math.ceil(count / STEP) * STEP
    memory.fill(0x20, BLOCK + count, BLOCK + padded)
    const found = skip(BLOCK, BLOCK + padded, checked ? 1 : 0)
    if (found >= 0) return at + found - BLOCK
    if (found === -1 || at + count === bytes.length) return -1
    at += goesOn(found) - BLOCK
  }
  return -1
}

const skip = (bytes: Uint8Array, at: number, checked: boolean): number => {
  const near = walk(bytes, at + 1, Math.min(bytes.length, at + NEAR), checked)
  if (near >= -1) return near
  const from = goesOn(near)
  const fast = scanner()
  if (fast !== undefined) return scan(fast, bytes, from, checked)
  const end = walk(bytes, from, bytes.length, checked)
  return end < 0 ? -1 : end
}

/** The offset just past the string whose opening quote stands at `at`, or -1 where it never ends. */
export const skipString = (bytes: Uint8Array, at: number): number => skip(bytes, at, false)

/** The same, or -1 where it holds what no string may. */
export const checkString = (bytes: Uint8Array, at: number): number => skip(bytes, at, true)
