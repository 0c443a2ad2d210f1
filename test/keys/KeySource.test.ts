/** Of what all keys are made: the best that there is, and what is said of it when it is not good. */
import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as KeySource from "../../src/keys/KeySource.ts"

const secret = (text: string | undefined) => Option.map(Option.fromUndefinedOr(text), (value) => Redacted.make(value))

const choose = (given: { readonly key?: string; readonly previous?: string; readonly client?: string }) =>
  KeySource.choose(
    { key: secret(given.key), previous: secret(given.previous) },
    Option.map(secret(given.client), (value) => ({ name: "X_CLIENT_SECRET", secret: value }))
  )

const origin = (source: KeySource.KeySource): string =>
  source.origin._tag === "Text" ? Redacted.value(source.origin.secret) : "the file"

const long = fc.string({ unit: "grapheme-ascii", minLength: 32, maxLength: 80 })

describe("the root", () => {
  it("is GOOGLE_JWT_KEY, else the client secret, else the file", () => {
    fc.assert(
      fc.property(fc.option(long, { nil: undefined }), fc.option(long, { nil: undefined }), (key, client) => {
        const chosen = Result.getOrThrow(
          choose({ ...(key === undefined ? {} : { key }), ...(client === undefined ? {} : { client }) })
        )
        assert.strictEqual(origin(chosen), key ?? client ?? "the file")
        assert.deepStrictEqual(chosen.warnings, [])
      })
    )
  })

  it("is warned of below 32 characters, with the command that makes a better one", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme-ascii", minLength: 16, maxLength: 31 }),
        fc.boolean(),
        (text, isClient) => {
          const { warnings } = Result.getOrThrow(choose(isClient ? { client: text } : { key: text }))
          assert.strictEqual(warnings.length, 1)
          assert.include(warnings[0], isClient ? "X_CLIENT_SECRET" : "GOOGLE_JWT_KEY")
          assert.include(warnings[0], "openssl rand -hex 32")
        }
      )
    )
  })

  it("is not a client secret below 16 characters", () => {
    const problem = Result.getOrThrow(Result.flip(choose({ client: "x".repeat(15) })))
    assert.include(problem, "X_CLIENT_SECRET has fewer than 16 characters")
    assert.include(problem, "set GOOGLE_JWT_KEY")
    assert.strictEqual(origin(Result.getOrThrow(choose({ client: "short", key: "k".repeat(40) }))), "k".repeat(40))
  })

  it("has the former one beside it, wherever it comes from itself", () => {
    for (const given of [{}, { key: "k".repeat(40) }, { client: "c".repeat(40) }]) {
      const { previous } = Result.getOrThrow(choose({ ...given, previous: "p".repeat(20) }))
      assert.deepStrictEqual(previous.map(Redacted.value), ["p".repeat(20)])
    }
  })

  it("is refused below 16 characters where it is read", () => {
    for (const setting of [KeySource.settings.key, KeySource.settings.previous]) {
      assert.strictEqual(Result.getOrThrow(Result.flip(setting.decode("x".repeat(15)))), "16 characters or more")
      assert.isTrue(Result.isSuccess(setting.decode("x".repeat(16))))
      assert.isTrue(setting.secret)
    }
  })
})
