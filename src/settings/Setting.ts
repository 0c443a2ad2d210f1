/** One environment variable: what it is called, what it means, what it accepts. Rooms declare theirs with these. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ByteSize from "../domain/ByteSize.ts"
import * as DurationText from "../domain/Duration.ts"

export interface Setting<A> {
  readonly name: string
  /** One or two sentences for .env.example and the docs. */
  readonly description: string
  /** The default as one would type it; empty where the variable is unset by default. */
  readonly fallback: string
  /** The value when the variable is unset or empty. */
  readonly absent: A
  readonly secret: boolean
  /** The value of a text, or what was expected instead. */
  readonly decode: (text: string) => Result.Result<A, string>
}

interface Doc {
  readonly name: string
  readonly description: string
}

const make = <A>(
  doc: Doc,
  fallback: string,
  absent: A,
  decode: (text: string) => Result.Result<A, string>
): Setting<A> => ({ ...doc, fallback, absent, secret: false, decode })

export const text = (doc: Doc & { readonly fallback: string }): Setting<string> =>
  make(doc, doc.fallback, doc.fallback, Result.succeed)

/** A text that has no default. */
export const optional = (doc: Doc): Setting<Option.Option<string>> =>
  make(doc, "", Option.none(), (value) => Result.succeed(Option.some(value)))

/** A text without default that must never be shown; of so many characters at least. */
export const secret = (
  doc: Doc & { readonly minimum?: number }
): Setting<Option.Option<Redacted.Redacted<string>>> => ({
  ...make(doc, "", Option.none<Redacted.Redacted<string>>(), (value) =>
    value.length < (doc.minimum ?? 0)
      ? Result.fail(`${doc.minimum} characters or more`)
      : Result.succeed(Option.some(Redacted.make(value)))
  ),
  secret: true
})

const TRUE = new Set(["true", "1", "yes", "on"])
const FALSE = new Set(["false", "0", "no", "off"])

/** False by default, unless the default is given. */
export const flag = (doc: Doc & { readonly fallback?: boolean }): Setting<boolean> =>
  make(doc, String(doc.fallback ?? false), doc.fallback ?? false, (value) => {
    const word = value.toLowerCase()
    if (TRUE.has(word)) return Result.succeed(true)
    return FALSE.has(word) ? Result.succeed(false) : Result.fail("true, 1, yes or on; or false, 0, no or off")
  })

export const integer = (
  doc: Doc & { readonly fallback: number; readonly minimum: number; readonly maximum: number }
): Setting<number> =>
  make(doc, String(doc.fallback), doc.fallback, (value) => {
    const number = /^\d+$/u.test(value) ? Number(value) : Number.NaN
    return number >= doc.minimum && number <= doc.maximum
      ? Result.succeed(number)
      : Result.fail(`a whole number from ${doc.minimum} to ${doc.maximum}`)
  })

const decodeDuration = (value: string): Result.Result<Duration.Duration, string> => {
  const seconds = /^\d+(\.\d+)?$/u.test(value) ? Option.some(Duration.seconds(Number(value))) : Option.none()
  return Option.match(
    Option.orElse(seconds, () => DurationText.parse(value)),
    { onNone: () => Result.fail(`seconds, or ${DurationText.EXPECTED}`), onSome: Result.succeed }
  )
}

/** A duration: a plain number means seconds. */
export const duration = (doc: Doc & { readonly fallback: string }): Setting<Duration.Duration> =>
  make(doc, doc.fallback, Result.getOrThrow(decodeDuration(doc.fallback)), decodeDuration)

const decodeBytes = (value: string): Result.Result<number, string> => {
  const bytes = /^\d+$/u.test(value) ? Option.some(Number(value)) : ByteSize.parse(value)
  return Option.match(bytes, { onNone: () => Result.fail(`bytes, or ${ByteSize.EXPECTED}`), onSome: Result.succeed })
}

const sizeOf = (text: string): number => Result.getOrThrow(decodeBytes(text))

/** A size in bytes: a plain number means bytes. Bounds are given as one would type them. */
export const bytes = (
  doc: Doc & { readonly fallback: string; readonly minimum?: string; readonly maximum?: string }
): Setting<number> => {
  const { fallback, maximum, minimum = "0" } = doc
  const most = maximum === undefined ? Infinity : sizeOf(maximum)
  return make(doc, fallback, sizeOf(fallback), (value) =>
    Result.filterOrFail(
      decodeBytes(value),
      (size) => size >= sizeOf(minimum) && size <= most,
      () => (maximum === undefined ? `at least ${minimum}` : `a size from ${minimum} to ${maximum}`)
    )
  )
}

/** A duration that has no default. */
export const optionalDuration = (doc: Doc): Setting<Option.Option<Duration.Duration>> =>
  make(doc, "", Option.none(), (value) => Result.map(decodeDuration(value), Option.some))

export const choice = <const A extends string>(
  doc: Doc & { readonly fallback: A | ""; readonly choices: ReadonlyArray<A> }
): Setting<Option.Option<A>> =>
  make(doc, doc.fallback, doc.fallback === "" ? Option.none() : Option.some(doc.fallback), (value) => {
    const found = doc.choices.find((candidate) => candidate.toLowerCase() === value.toLowerCase())
    return found === undefined ? Result.fail(`one of ${doc.choices.join(", ")}`) : Result.succeed(Option.some(found))
  })

/** The items of a comma-separated text. */
export const items = (value: string): ReadonlyArray<string> =>
  value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

/** Comma-separated items, each of a form that `expected` describes; none by default, unless the default is given. */
export const list = (
  doc: Doc & { readonly item: RegExp; readonly expected: string; readonly fallback?: string }
): Setting<ReadonlyArray<string>> =>
  make(doc, doc.fallback ?? "", items(doc.fallback ?? ""), (value) => {
    const found = items(value)
    return found.every((item) => doc.item.test(item)) ? Result.succeed(found) : Result.fail(doc.expected)
  })

/** A setting whose text needs a decoder of its room's. What a secret one says of its text must not quote it. */
export const custom = <A>(
  doc: Doc & {
    readonly fallback: string
    readonly absent: A
    readonly decode: (text: string) => Result.Result<A, string>
    readonly secret?: boolean
  }
): Setting<A> => ({
  ...make(doc, doc.fallback, doc.absent, doc.decode),
  secret: doc.secret ?? false
})
