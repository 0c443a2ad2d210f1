/** Inputs made of others, by chance that can be had again. */

/** Numbers from 0 to below 1; the same for the same seed. */
export const random = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** What parsers trip over. */
const NASTY: ReadonlyArray<Uint8Array> = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\n",
  "\r\n",
  "\n\n",
  "\0",
  "\t",
  "\\u0000",
  "\\ud800",
  "\\udfff\\ud800",
  "\u2028",
  "\ufeff",
  "null",
  "true",
  "-0",
  "1e999",
  "9007199254740993",
  "0".repeat(40),
  '"id":',
  '"method":',
  '"result":{',
  '"_meta":{}',
  '"__proto__":',
  '"constructor":',
  "{".repeat(200),
  "[".repeat(2000),
  '{"a":'.repeat(300),
  " ".repeat(500),
  "a".repeat(5000),
  "data:",
  "id:",
  ": ",
  "retry: 1e9",
  "=?base64?",
  "?=",
  "%2e%2e%2f",
  "%",
  "//",
  "@",
  "#",
  "😀",
  // Two that become others when case is ignored.
  "ſ",
  "K"
]
  .map((text): Uint8Array => Buffer.from(text))
  // No UTF-8.
  .concat([[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]].map((bytes) => new Uint8Array(bytes)))

type Pick = (below: number) => number

const bytesOf = (input: string | Uint8Array): Uint8Array => (typeof input === "string" ? Buffer.from(input) : input)

const MUTATIONS: ReadonlyArray<(input: Uint8Array, pick: Pick, seeds: ReadonlyArray<Uint8Array>) => Uint8Array> = [
  (input, pick) => {
    const flipped = Uint8Array.from(input)
    if (flipped.length > 0) flipped[pick(flipped.length)]! ^= 1 << pick(8)
    return flipped
  },
  (input, pick) => input.subarray(0, pick(input.length + 1)),
  (input, pick) => input.subarray(pick(input.length + 1)),
  (input, pick) => {
    const from = pick(input.length + 1)
    return Buffer.concat([input.subarray(0, from), input.subarray(from + pick(8))])
  },
  (input, pick) => {
    const at = pick(input.length + 1)
    const from = pick(input.length + 1)
    return Buffer.concat([input.subarray(0, at), input.subarray(from, from + pick(64)), input.subarray(at)])
  },
  (input, pick) => {
    const at = pick(input.length + 1)
    return Buffer.concat([input.subarray(0, at), NASTY[pick(NASTY.length)]!, input.subarray(at)])
  },
  (input, pick) => {
    const at = pick(input.length + 1)
    return Buffer.concat([input.subarray(0, at), NASTY[pick(NASTY.length)]!, input.subarray(at + pick(16))])
  },
  (input, pick, seeds) => {
    const other = seeds[pick(seeds.length)]!
    return Buffer.concat([input.subarray(0, pick(input.length + 1)), other.subarray(pick(other.length + 1))])
  }
]

/** Larger inputs than this say nothing that smaller ones do not. */
export const MAX_LENGTH = 64 * 1024

/** The inputs that follow from a seed, without end: the seeds themselves first. */
export function* inputs(seeds: ReadonlyArray<string | Uint8Array>, seed: number): Generator<Uint8Array, never> {
  const next = random(seed)
  const pick: Pick = (below) => Math.floor(next() * below)
  const bytes = seeds.map(bytesOf)
  yield* bytes
  for (;;) {
    let input = bytes[pick(bytes.length)]!
    for (let rounds = 1 + pick(6); rounds > 0; rounds--) {
      input = MUTATIONS[pick(MUTATIONS.length)]!(input, pick, bytes)
    }
    yield Uint8Array.from(input.subarray(0, MAX_LENGTH))
  }
}
