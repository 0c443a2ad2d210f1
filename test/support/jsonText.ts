/**
 * Generators of JSON as text: the same value in many spellings, with the places that matter marked.
 *
 * A text is made of pieces, so that a test knows what stands where without having to parse it.
 */
import * as fc from "fast-check"

/** White space as JSON knows it: mostly none, sometimes a lot. */
export const space: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  { weight: 2, arbitrary: fc.constantFrom(" ", "\n", "\r\n", "\t", "  \n\t ", "\r") }
)

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t"
}

const unicodeEscape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`

const mustEscape = (unit: string): boolean => unit === '"' || unit === "\\" || unit < " "

/** One UTF-16 unit of a string in one of its spellings. Halves of pairs are escaped. */
const spell = (unit: string, style: number): string => {
  const isSurrogate = unit >= "\ud800" && unit <= "\udfff"
  if (style === 2) return unicodeEscape(unit)
  if (style === 1 && SHORT[unit] !== undefined) return SHORT[unit]
  if (mustEscape(unit)) return SHORT[unit] ?? unicodeEscape(unit)
  return isSurrogate ? unicodeEscape(unit) : unit
}

/** A JSON string, quotes included, that decodes to this value. */
export const spelled = (value: string): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(0, 0, 0, 0, 1, 2), { minLength: value.length, maxLength: value.length })
    .map((styles) => `"${styles.map((style, index) => spell(value.charAt(index), style)).join("")}"`)

/** A JSON string in which at least one character is written as an escape, though it need not be. */
export const escaped = (value: string): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(0, 2), { minLength: value.length, maxLength: value.length })
    .map((styles) => styles.map((style, index) => spell(value.charAt(index), index === 0 ? 2 : style)))
    .map((units) => `"${units.join("")}"`)

/** A string of any Unicode characters, control characters and quotes among them. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.constantFrom('"', "\\", '\\"', "\n", "\r\n", "\u2028", "\u0000", "{", "}", "[", "]", ",", ":", "😀", "data: x\n\n")
)

/** A JSON string in any spelling; characters outside the basic plane stand raw or as pairs of escapes. */
export const stringText: fc.Arbitrary<string> = fc.oneof(
  anyText.chain(spelled),
  anyText.map((value) => JSON.stringify(value))
)

/** Numbers that no double holds as they are written. */
export const bigNumberText: fc.Arbitrary<string> = fc.constantFrom(
  "12345678901234567890",
  "9007199254740993",
  "-123456789012345678901234567890",
  "0.1000000000000000055511151231257827",
  "1E+400",
  "-0.0"
)

const smallNumberText: fc.Arbitrary<string> = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom("0", "-0", "1.50", "6.02e23", "1E-2", "100e-2")
)

export const numberText: fc.Arbitrary<string> = fc.oneof(smallNumberText, bigNumberText)

/** Keys that matter somewhere, and others. */
const key: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("id", "method", "result", "error", "params", "uri", "name", "text", "content", "__proto__", ""),
  fc.string({ maxLength: 6 })
)

const bracketed = (open: string, close: string, items: ReadonlyArray<string>, gaps: ReadonlyArray<string>): string =>
  `${open}${gaps[0] ?? ""}${items.join(`${gaps[1] ?? ""},${gaps[2] ?? ""}`)}${gaps[3] ?? ""}${close}`

const gaps = fc.tuple(space, space, space, space)

/** Any JSON value, as text. Objects may hold a key twice. */
export const valueText: fc.Arbitrary<string> = fc.letrec<{ value: string; member: string }>((tie) => ({
  member: fc
    .tuple(
      key.chain((name) => spelled(name)),
      space,
      space,
      tie("value")
    )
    .map(([name, before, after, value]) => `${name}${before}:${after}${value}`),
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    stringText,
    numberText,
    fc.constantFrom("true", "false", "null"),
    fc.tuple(fc.array(tie("member"), { maxLength: 4 }), gaps).map(([items, at]) => bracketed("{", "}", items, at)),
    fc.tuple(fc.array(tie("value"), { maxLength: 4 }), gaps).map(([items, at]) => bracketed("[", "]", items, at))
  )
})).value

/** What a generated response is an example of. A test counts these. */
export type ResponseClass =
  | "id first"
  | "id last"
  | "id between others"
  | "id spelled with an escape"
  | "id is a string"
  | "id is a number"
  | "id beyond a double's precision"
  | "id twice"
  | "another id below"
  | "a key twice below"
  | "big number"
  | "escapes"
  | "white space"
  | "result"
  | "error"
  | "unknown members"

export const RESPONSE_CLASSES: ReadonlyArray<ResponseClass> = [
  "id first",
  "id last",
  "id between others",
  "id spelled with an escape",
  "id is a string",
  "id is a number",
  "id beyond a double's precision",
  "id twice",
  "another id below",
  "a key twice below",
  "big number",
  "escapes",
  "white space",
  "result",
  "error",
  "unknown members"
]

export interface ResponseText {
  readonly text: string
  /** The text with another id in place. */
  readonly withId: (id: string) => string
  /** The id as it is spelled (the last one, where there are two). */
  readonly id: string
  readonly classes: ReadonlySet<ResponseClass>
}

/** A payload that has an id of its own, or a key twice, often enough. */
const payloadText: fc.Arbitrary<string> = fc
  .tuple(
    valueText,
    valueText,
    fc.option(fc.constantFrom('"id":7,', '"id" : "inner",\n', '"a":{"id":null},'), { nil: "" }),
    fc.option(fc.constantFrom(',"again":1, "again" :2', ',"id":8,"\\u0069d":9'), { nil: "" }),
    space
  )
  .map(([first, second, inner, twice, gap]) => `{${gap}${inner}"one":${first}${gap},"two":[${second}]${twice}}`)

const idText: fc.Arbitrary<string> = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom("12345678901234567890", "9007199254740993", "18446744073709551616"),
  stringText
)

const idMember: fc.Arbitrary<readonly [before: string, id: string]> = fc
  .tuple(fc.oneof(fc.constant('"id"'), fc.constant('"id"'), escaped("id")), space, space, idText)
  .map(([name, before, after, id]) => [`${name}${before}:${after}`, id] as const)

/** Members in which no parser sees one of the envelope's. */
const otherMember: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom('"_meta"', '"extra"', '"vendor:x"', '"ID of it"', '"__proto__"'), space, valueText)
  .map(([name, gap, value]) => `${name}:${gap}${value}`)

/** A JSON-RPC response as text, in every form that JSON allows. */
export const responseText: fc.Arbitrary<ResponseText> = fc
  .record({
    ids: fc.oneof({ weight: 3, arbitrary: fc.tuple(idMember) }, { weight: 1, arbitrary: fc.tuple(idMember, idMember) }),
    at: fc.constantFrom("first", "last", "between"),
    kind: fc.constantFrom('"result"', '"error"', '"\\u0072esult"'),
    payload: payloadText,
    others: fc.array(otherMember, { maxLength: 2 }),
    outer: fc.tuple(space, space, space, space)
  })
  .map(({ at, ids, kind, others, outer, payload }) => {
    // A member is its text before the value that a new id replaces, and that value; other members have no second part.
    const own = ids as ReadonlyArray<readonly [string, string]>
    const body: ReadonlyArray<readonly [string, string?]> = [
      ['"jsonrpc":"2.0"'],
      [`${kind}${outer[1]}:${payload}`],
      ...others.map((other) => [other] as const)
    ]
    const [one, ...rest] = body
    const ordered: ReadonlyArray<readonly [string, string?]> =
      at === "first"
        ? [...own, ...body]
        : at === "last"
          ? [...body, ...own]
          : [...(one === undefined ? [] : [one]), ...own, ...rest]
    const write = (replacement: string | undefined): string =>
      `${outer[0]}{${outer[2]}${ordered
        .map(([before, id]) => (id === undefined ? before : `${before}${replacement ?? id}`))
        .join(`${outer[3]},${outer[1]}`)}${outer[2]}}${outer[3]}`
    const text = write(undefined)
    const id = own.at(-1)?.[1] ?? ""
    const when = (holds: boolean, name: ResponseClass): ReadonlyArray<ResponseClass> => (holds ? [name] : [])
    const classes = new Set<ResponseClass>([
      at === "first" ? "id first" : at === "last" ? "id last" : "id between others",
      id.startsWith('"') ? "id is a string" : "id is a number",
      kind === '"error"' ? "error" : "result",
      ...when(
        own.some(([before]) => !before.startsWith('"id"')),
        "id spelled with an escape"
      ),
      ...when(/^\d{16,}$/u.test(id), "id beyond a double's precision"),
      ...when(own.length > 1, "id twice"),
      ...when(/"(?:id|\\u0069d)"/u.test(payload), "another id below"),
      ...when(/again.*again|"id":8/su.test(payload), "a key twice below"),
      ...when(/\d{16,}|1E\+400/u.test(payload), "big number"),
      ...when(payload.includes("\\"), "escapes"),
      ...when(/[\n\r\t]/u.test(text), "white space"),
      ...when(others.length > 0, "unknown members")
    ])
    return { text, withId: write, id, classes }
  })

/** Counts how many of the generated examples belong to each class. */
export class Statistics<Class extends string> {
  private readonly counts = new Map<Class, number>()
  private total = 0

  add(classes: Iterable<Class>): void {
    this.total++
    for (const name of classes) this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }

  /** The classes that make up less than this share of all examples, with their share in percent. */
  below(share: number, classes: ReadonlyArray<Class>): ReadonlyArray<string> {
    return classes.flatMap((name) => {
      const part = (this.counts.get(name) ?? 0) / Math.max(1, this.total)
      return part < share ? [`${name}: ${(part * 100).toFixed(1)} %`] : []
    })
  }
}
