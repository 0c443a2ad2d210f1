/** The demo: whoever types a name is that person, the same one each time. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { IdentityProvider } from "../../../src/auth/IdentityProvider.ts"
import * as Demo from "../../../src/auth/providers/Demo.ts"

const email = (typed: string) => Option.map(Demo.person(typed), (identity) => identity.email)

describe("a typed name", () => {
  it.each([
    ["ann", "ann@demo.invalid"],
    ["  Ann Example ", "ann-example@demo.invalid"],
    ["Zoë Müller", "zoe-muller@demo.invalid"],
    ["o'Brien, Jr.", "o-brien-jr@demo.invalid"],
    ["Ann@Example.com", "ann@example.com"]
  ])("%j is %s", (typed, expected) => {
    assert.deepStrictEqual(email(typed), Option.some(expected))
  })

  it("in other letters is somebody, too, and not everybody", () => {
    const [one, other] = [email("名前"), email("Ольга")]
    assert.match(Option.getOrThrow(one), /^person-[0-9a-f]{8}@demo\.invalid$/u)
    assert.notDeepEqual(one, other)
    assert.notDeepEqual(email("Ann 名"), email("Ann"))
  })

  it.each(["", "   ", "x".repeat(61), "a\u0000b", "a\nb", "a\u202eb"])("%j is nobody", (typed) => {
    assert.deepStrictEqual(Demo.person(typed), Option.none())
  })

  it("that is an e-mail is no name", () => {
    assert.deepStrictEqual(
      Option.map(Demo.person("Ann@Example.com"), (identity) => identity.name),
      Option.some(undefined)
    )
  })

  it("and the e-mail that was made of it are the same person, however long", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (typed) => {
        const found = Demo.person(typed)
        if (Option.isNone(found)) return
        const again = Option.map(Demo.person(found.value.email), ({ subject }) => subject)
        assert.deepStrictEqual(again, Option.some(found.value.subject))
      })
    )
    const longest = Option.getOrThrow(Demo.person("ä".repeat(30) + "x".repeat(30)))
    assert.isTrue(Option.isSome(Demo.person(longest.email)))
  })

  it("whatever it is, is nobody, or somebody with an e-mail, and with what was typed as the name unless that is it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (typed) => {
        const found = Demo.person(typed)
        if (Option.isNone(found)) return
        const { email, name } = found.value
        assert.match(email, /^[^\s@]+@[^\s@]+$/u)
        assert.strictEqual(name, email === typed.trim().toLowerCase() ? undefined : typed.trim())
        assert.strictEqual<string>(found.value.subject, `demo:${found.value.email}`)
      })
    )
  })
})

describe("the demo's provider", () => {
  it.effect("sends people to the page beside the callback, and takes the name that comes back", () =>
    Effect.gen(function* () {
      const provider = yield* IdentityProvider
      assert.isFalse(provider.rechecks)
      const redirectUri = "http://localhost:8080/team/auth/callback"
      const { memory, url } = yield* provider.begin({ state: "a&b", redirectUri, again: false })
      assert.strictEqual(url, "http://localhost:8080/team/auth/demo?state=a%26b")
      const complete = (query: string) => provider.complete({ query: new URLSearchParams(query), redirectUri, memory })
      assert.strictEqual((yield* complete("name=Ann")).identity.email, "ann@demo.invalid")
      const error = yield* Effect.flip(complete("name="))
      assert.strictEqual(error.message, "Type a name, or an e-mail, of 1 to 60 characters.")
    }).pipe(Effect.provide(Demo.layer))
  )
})
