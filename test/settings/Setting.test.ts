/** What a variable's text may be, and what is said of a text that it may not be. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Setting from "../../src/settings/Setting.ts"

const doc = { name: "X", description: "" }

const decoded = <A>(setting: Setting.Setting<A>, text: string): A => Result.getOrThrow(setting.decode(text))

const expected = <A>(setting: Setting.Setting<A>, text: string): string =>
  Result.getOrThrow(Result.flip(setting.decode(text)))

describe("a flag", () => {
  const flag = Setting.flag(doc)

  it.each(["true", "TRUE", "1", "yes", "on", "On"])("%s is yes", (text) => {
    assert.isTrue(decoded(flag, text))
  })

  it.each(["false", "False", "0", "no", "off"])("%s is no", (text) => {
    assert.isFalse(decoded(flag, text))
  })

  it.each(["2", "y", "enable", "tru", "-1"])("%s is neither", (text) => {
    assert.strictEqual(expected(flag, text), "true, 1, yes or on; or false, 0, no or off")
  })

  it("is no by default", () => {
    assert.isFalse(flag.absent)
    assert.strictEqual(flag.fallback, "false")
  })

  it("is yes by default where it says so", () => {
    const on = Setting.flag({ ...doc, fallback: true })
    assert.isTrue(on.absent)
    assert.strictEqual(on.fallback, "true")
    assert.isFalse(decoded(on, "off"))
  })
})

describe("a whole number", () => {
  const integer = Setting.integer({ ...doc, fallback: 3, minimum: 1, maximum: 20 })

  it.each([
    ["1", 1],
    ["20", 20],
    ["007", 7]
  ])("%s is %i", (text, number) => {
    assert.strictEqual(decoded(integer, text), number)
  })

  it.each(["0", "21", "-3", "1.5", "1e1", "0x10", "ten", "1 2", "٣", "99999999999999999999"])("%s is none", (text) => {
    assert.strictEqual(expected(integer, text), "a whole number from 1 to 20")
  })
})

describe("a duration", () => {
  const duration = Setting.duration({ ...doc, fallback: "10 s" })

  it.each([
    ["5", 5000],
    ["0", 0],
    ["1.5", 1500],
    ["500 ms", 500],
    ["2 minutes", 120_000]
  ])("%s is %i milliseconds: a plain number means seconds", (text, millis) => {
    assert.strictEqual(Duration.toMillis(decoded(duration, text)), millis)
  })

  it.each(["soon", "-1", "5 x", "1e3"])("%s is none", (text) => {
    assert.include(expected(duration, text), "seconds, or a duration with a unit")
  })

  it("has its default as a duration, or none", () => {
    assert.strictEqual(Duration.toMillis(duration.absent), 10_000)
    assert.deepStrictEqual(Setting.optionalDuration(doc).absent, Option.none())
  })
})

describe("a size", () => {
  const bytes = Setting.bytes({ ...doc, fallback: "1 GB" })

  it.each([
    ["0", 0],
    ["4096", 4096],
    ["512 MB", 512_000_000],
    ["1.5gb", 1_500_000_000],
    ["64 KiB", 65_536]
  ])("%s is %i bytes: a plain number means bytes", (text, size) => {
    assert.strictEqual(decoded(bytes, text), size)
  })

  it.each(["much", "-1", "5 XB", "1e3", "1.5"])("%s is none", (text) => {
    assert.include(expected(bytes, text), "bytes, or a size with a unit")
  })

  it("has its default as a number", () => {
    assert.strictEqual(bytes.absent, 1_000_000_000)
  })
})

describe("a choice", () => {
  const choice = Setting.choice({ ...doc, fallback: "", choices: ["pretty", "json"] })

  it("does not mind case", () => {
    assert.deepStrictEqual(decoded(choice, "JSON"), Option.some("json"))
  })

  it("names what there is to choose from", () => {
    assert.strictEqual(expected(choice, "xml"), "one of pretty, json")
  })
})

describe("other settings", () => {
  it("a list is what stands between commas, spaces and nothing left out", () => {
    const list = Setting.list({ ...doc, item: /^[a-z]$/u, expected: "letters" })
    assert.deepStrictEqual(decoded(list, " a, b ,,c,"), ["a", "b", "c"])
    assert.deepStrictEqual(list.absent, [])
    assert.deepStrictEqual(Setting.list({ ...doc, item: /x/u, expected: "", fallback: "x,xx" }).absent, ["x", "xx"])
    assert.strictEqual(expected(list, "a,bc"), "letters")
  })

  it("a text is itself", () => {
    assert.strictEqual(decoded(Setting.text({ ...doc, fallback: "x" }), "y"), "y")
    assert.deepStrictEqual(decoded(Setting.optional(doc), "y"), Option.some("y"))
  })

  it("a secret is never shown", () => {
    const secret = Setting.secret(doc)
    const value = Option.getOrThrow(decoded(secret, "s3cr3t"))
    assert.strictEqual(Redacted.value(value), "s3cr3t")
    assert.notInclude(String(value) + JSON.stringify({ value }), "s3cr3t")
    assert.isTrue(secret.secret)
  })
})
