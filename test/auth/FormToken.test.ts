/** The token of a form: for one purpose, for one browser (CSRF). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import type { Browser } from "../../src/auth/Cookies.ts"
import * as FormToken from "../../src/auth/FormToken.ts"
import { RootKey } from "../../src/keys/RootKey.ts"

const browser = (id: string | undefined): Browser => ({ id, person: undefined })

const isGood = (check: Effect.Effect<void, unknown>) => Effect.map(Effect.exit(check), ({ _tag }) => _tag === "Success")

describe("a form's token", () => {
  it.effect("is good for its purpose and its browser, each rendering's, again and again", () =>
    Effect.gen(function* () {
      const tokens = yield* FormToken.make
      const one = yield* tokens.issue("flow", browser("b"))
      const two = yield* tokens.issue("flow", browser("b"))
      assert.notStrictEqual(one, two)
      for (const token of [one, two, one]) yield* tokens.check(token, "flow", browser("b"))
    }).pipe(Effect.provide(RootKey.layerRandom))
  )

  it.effect("is good for no other purpose and no other browser, whatever they are called", () =>
    Effect.gen(function* () {
      const tokens = yield* FormToken.make
      const pairs = fc.sample(fc.tuple(fc.string(), fc.string(), fc.string(), fc.string()), 60)
      for (const [purpose, id, otherPurpose, otherId] of pairs) {
        const token = yield* tokens.issue(purpose, browser(id))
        const isSame = purpose === otherPurpose && id === otherId
        assert.strictEqual(yield* isGood(tokens.check(token, otherPurpose, browser(otherId))), isSame)
        // Nor where the two run together.
        if (id !== "") assert.isFalse(yield* isGood(tokens.check(token, purpose + id, browser(""))))
      }
    }).pipe(Effect.provide(RootKey.layerRandom))
  )

  it.effect("of a browser without cookie is good for nobody", () =>
    Effect.gen(function* () {
      const tokens = yield* FormToken.make
      const token = yield* tokens.issue("flow", browser(undefined))
      assert.isFalse(yield* isGood(tokens.check(token, "flow", browser(undefined))))
    }).pipe(Effect.provide(RootKey.layerRandom))
  )

  it.effect("that is missing, made up or of another key is none; the refusal does not quote it", () =>
    Effect.gen(function* () {
      const tokens = yield* FormToken.make
      const foreign = yield* Effect.provide(FormToken.make, Layer.fresh(RootKey.layerRandom))
      for (const token of [null, "", "x", yield* foreign.issue("flow", browser("b"))]) {
        const error = yield* Effect.flip(tokens.check(token, "flow", browser("b")))
        assert.strictEqual(error.error.status, 403)
        if (token !== null && token.length > 1) assert.notInclude(error.message, token)
      }
    }).pipe(Effect.provide(RootKey.layerRandom))
  )
})
