/** What is under way with a server ends when it is ended, and with its connection. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Conversations } from "../../src/upstream/Conversations.ts"

/** One that never ends by itself, and what it says when it is made to. */
const endless = (said: Array<string>, name: string) =>
  Effect.onInterrupt(Effect.never, () => Effect.sync(() => said.push(name)))

describe("a conversation", () => {
  it.effect("is begun at once, and has ended when its end returns", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const all = yield* Conversations.make<number>()
      yield* all.begin(
        1,
        Effect.sync(() => said.push("begun"))
      )
      yield* all.begin(2, endless(said, "two"))
      yield* all.begin(3, endless(said, "three"))
      yield* all.end(2)
      yield* all.end(1)
      assert.deepStrictEqual(said, ["begun", "two"])
    })
  )

  it.effect("takes the place of another under its key, of which the end does not concern it", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const all = yield* Conversations.make<string>()
      yield* all.begin("standing", endless(said, "former"))
      yield* all.begin("standing", endless(said, "present"))
      yield* Effect.yieldNow
      assert.deepStrictEqual(said, ["former"])
      yield* all.end("standing")
      assert.deepStrictEqual(said, ["former", "present"])
    })
  )

  it.effect("ends with the scope, and none is begun afterwards", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const scope = yield* Scope.make()
      const all = yield* Scope.provide(Conversations.make<number>(), scope)
      yield* all.begin(1, endless(said, "one"))
      yield* all.begin(2, endless(said, "two"))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(said, ["one", "two"])
      const late = yield* Effect.exit(all.begin(3, endless(said, "three")))
      assert.isTrue(Exit.hasInterrupts(late))
      assert.deepStrictEqual(said, ["one", "two"])
    })
  )
})
