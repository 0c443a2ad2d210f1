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

describe("a conversation that begins with an exchange", () => {
  /** One of which the test says how it ends, and what is left to do then. */
  const scene = Effect.gen(function* () {
    const said: Array<string> = []
    const all = yield* Conversations.make<number>()
    const ends: Array<(exit: Exit.Exit<string>) => void> = []
    const begin = (
      key: number,
      rest: (answer: Exit.Exit<string>) => Effect.Effect<void> | undefined = () => undefined
    ) =>
      all.exchange<string, never>(
        key,
        (ended) => {
          ends.push(ended)
          return () => said.push(`given up: ${key}`)
        },
        rest
      )
    return { all, begin, ends, said }
  })

  it.effect("has no fiber, and is over when the exchange is and nothing is left to do", () =>
    Effect.gen(function* () {
      const { all, begin, ends, said } = yield* scene
      yield* begin(1)
      ends[0]?.(Exit.succeed("answered"))
      yield* all.end(1)
      assert.deepStrictEqual(said, [])
    })
  )

  it.effect("gives the exchange up when it is ended, replaced, or its scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { all, begin, said } = yield* Scope.provide(scene, scope)
      yield* begin(1)
      yield* all.end(1)
      yield* begin(2)
      yield* begin(2)
      yield* begin(3)
      assert.deepStrictEqual(said, ["given up: 1", "given up: 2"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(said.slice(2).sort(), ["given up: 2", "given up: 3"])
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(begin(4))))
    })
  )

  it.effect("goes on as a fiber with what is left to do, which ends as any other", () =>
    Effect.gen(function* () {
      const { all, begin, ends, said } = yield* scene
      yield* begin(1, (answer) => (Exit.isSuccess(answer) ? endless(said, answer.value) : undefined))
      ends[0]?.(Exit.succeed("to be taken up again"))
      yield* all.end(1)
      assert.deepStrictEqual(said, ["to be taken up again"])
    })
  )

  it.effect("may have ended before it has begun to be under way", () =>
    Effect.gen(function* () {
      const { all, said } = yield* scene
      yield* all.exchange<string, never>(
        1,
        (ended) => {
          ended(Exit.succeed("at once"))
          return () => said.push("given up")
        },
        (answer) => Effect.sync(() => said.push(String(Exit.isSuccess(answer) && answer.value)))
      )
      yield* all.end(1)
      assert.deepStrictEqual(said, ["at once"])
    })
  )
})
