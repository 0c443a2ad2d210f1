/** Keys to sign with: one per purpose, known by ids that say nothing of them, the former ones kept. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { RootKey } from "../../src/keys/RootKey.ts"
import * as SigningKeys from "../../src/keys/SigningKeys.ts"

const ONE = "3f9c1b7de0a245886b0f4de1c97a253b18e4f6027d5c9ab3416e8f20d7b9c5a4"
const TWO = [...ONE].reverse().join("")

const keys = (purpose: string, text: string, ...previous: ReadonlyArray<string>) =>
  Effect.provide(
    SigningKeys.derive(purpose),
    Layer.fresh(
      RootKey.layerText(
        Redacted.make(text),
        previous.map((one) => Redacted.make(one))
      )
    )
  )

describe("signing keys", () => {
  it.effect("are the same in every process that has the root", () =>
    Effect.gen(function* () {
      const [here, there] = [yield* keys("token", ONE), yield* keys("token", ONE)]
      assert.strictEqual(here.current.id, there.current.id)
      assert.deepStrictEqual(Redacted.value(here.current.secret), Redacted.value(there.current.secret))
      assert.match(here.current.id, /^[\w-]{12}$/u)
    })
  )

  it.effect("differ by purpose and by root, ids included", () =>
    Effect.gen(function* () {
      const all = [yield* keys("token", ONE), yield* keys("cookie", ONE), yield* keys("token", TWO)]
      assert.strictEqual(new Set(all.map(({ current }) => current.id)).size, 3)
    })
  )

  it.effect("of before are still known, and are not signed with", () =>
    Effect.gen(function* () {
      const before = yield* keys("token", ONE)
      const after = yield* keys("token", TWO, ONE)
      assert.notStrictEqual(after.current.id, before.current.id)
      assert.deepStrictEqual(
        after.all.map(({ id }) => id),
        [after.current.id, before.current.id]
      )
      assert.notInclude(JSON.stringify(after), Buffer.from(Redacted.value(after.current.secret)).toString("hex"))
    })
  )
})
