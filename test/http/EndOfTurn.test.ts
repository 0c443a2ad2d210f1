import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EndOfTurn from "../../src/http/EndOfTurn.ts"

describe("the end of a turn", () => {
  it.live("is when what was put off is done, once each and in its order; what is put off then waits for the next", () =>
    Effect.callback<void>((resume) => {
      const atEndOfTurn = EndOfTurn.make()
      const done: Array<string> = []
      atEndOfTurn(() => {
        done.push("first")
        atEndOfTurn(() => {
          done.push("next")
          assert.deepStrictEqual(done, ["first", "second", "next"])
          resume(Effect.void)
        })
      })
      atEndOfTurn(() => {
        done.push("second")
        assert.deepStrictEqual(done, ["first", "second"])
      })
      assert.deepStrictEqual(done, [])
    })
  )
})
