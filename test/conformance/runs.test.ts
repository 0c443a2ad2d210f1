/** What is wrong counts when it is found twice. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { confirmed } from "./runs.ts"

/** One attempt after the other, each with its remarks. */
const attempts = (...remarks: ReadonlyArray<ReadonlyArray<string>>) => {
  let made = 0
  const attempt = Effect.sync(() => ({ number: made, remarks: remarks[made++] ?? [] }))
  return { attempt, made: () => made }
}

describe("a run", () => {
  it.effect("with nothing to remark is not repeated", () =>
    Effect.gen(function* () {
      const { attempt, made } = attempts([], ["never found"])
      assert.deepStrictEqual(yield* confirmed(attempt), { number: 0, remarks: [] })
      assert.strictEqual(made(), 1)
    })
  )

  it.effect("that was at fault once is what it is the second time", () =>
    Effect.gen(function* () {
      const { attempt } = attempts(["late"], [])
      assert.deepStrictEqual(yield* confirmed(attempt), { number: 1, remarks: [] })
    })
  )

  it.effect("that is at fault twice is at fault, and not tried a third time", () =>
    Effect.gen(function* () {
      const { attempt, made } = attempts(["wrong"], ["wrong still"], [])
      assert.deepStrictEqual(yield* confirmed(attempt), { number: 1, remarks: ["wrong still"] })
      assert.strictEqual(made(), 2)
    })
  )
})
