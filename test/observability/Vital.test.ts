/** What should live for ever: begun again when it dies, ever more slowly, and given up where that does not help. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as Vital from "../../src/observability/Vital.ts"
import { collectingLogs } from "../support/logged.ts"
import { settle } from "../support/settle.ts"

/** Something that dies as it is told. */
const mortal = () => {
  const lives: Array<Deferred.Deferred<void, string>> = []
  const work = Effect.suspend(() => {
    const end = Deferred.makeUnsafe<void, string>()
    lives.push(end)
    return Deferred.await(end)
  })
  const end = (exit: Exit.Exit<void, string>) => Effect.andThen(Deferred.done(lives.at(-1)!, exit), settle)
  return { work, lives: () => lives.length, end }
}

const wait = (duration: Parameters<typeof TestClock.adjust>[0]) => Effect.andThen(TestClock.adjust(duration), settle)

describe("a vital part", () => {
  for (const [how, exit, reason] of [
    ["fails", Exit.fail("it failed"), "it failed"],
    ["dies of a defect", Exit.die(new Error("it broke")), "it broke"],
    ["merely ends", Exit.void, "it ended by itself"],
    ["is interrupted from within", Exit.interrupt(1), "All fibers interrupted without error"]
  ] as const) {
    it.effect(`that ${how} is begun again after a second, and the log says so`, () =>
      Effect.gen(function* () {
        const part = mortal()
        const [, lines] = yield* collectingLogs(
          Effect.gen(function* () {
            yield* Vital.fork("The sweep", part.work)
            yield* settle
            yield* part.end(exit)
            yield* wait("999 millis")
            assert.strictEqual(part.lives(), 1)
            yield* wait("1 millis")
            assert.strictEqual(part.lives(), 2)
          }).pipe(Effect.scoped)
        )
        const said = lines.map(({ level, text }) => `${level} ${text}`)
        assert.deepStrictEqual(said, [`Error The sweep died and begins again in 1s: ${reason}`])
      })
    )
  }

  it.effect("that dies at once each time is given up after ten restarts, 1, 2, 4 … 30 s apart", () =>
    Effect.gen(function* () {
      const part = mortal()
      const program = Effect.gen(function* () {
        yield* Vital.fork("The sweep", part.work)
        return yield* Effect.never
      }).pipe(Effect.scoped, Vital.untilLost)
      const running = yield* Effect.forkChild(program)
      yield* settle
      for (const seconds of [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]) {
        const before = part.lives()
        yield* part.end(Exit.die(new Error("it broke")))
        yield* wait(seconds * 1000 - 1)
        assert.strictEqual(part.lives(), before, `not before ${seconds} s have passed`)
        yield* wait(1)
        assert.strictEqual(part.lives(), before + 1)
      }
      yield* part.end(Exit.die(new Error("it broke")))
      const error = yield* Effect.flip(Fiber.join(running))
      assert.strictEqual(error.message, "The sweep died, and 10 restarts did not help: it broke")
      assert.strictEqual(part.lives(), 11)
    })
  )

  it.effect("that lived for a minute has recovered: what went before does not count", () =>
    Effect.gen(function* () {
      const part = mortal()
      yield* Vital.fork("The sweep", part.work)
      yield* settle
      for (const seconds of [1, 2, 4, 8]) {
        yield* part.end(Exit.fail("no"))
        yield* wait(seconds * 1000)
      }
      yield* wait("1 minute")
      const before = part.lives()
      yield* part.end(Exit.fail("no"))
      yield* wait("1 second")
      assert.strictEqual(part.lives(), before + 1)
    }).pipe(Effect.scoped)
  )

  it.effect("ends with its scope, while it lives and while it waits to begin again, and nothing is said", () =>
    Effect.gen(function* () {
      const living = mortal()
      const dead = mortal()
      let finalized = 0
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const work = Effect.ensuring(
            living.work,
            Effect.sync(() => finalized++)
          )
          yield* Vital.fork("One", work)
          yield* Vital.fork("Another", dead.work)
          yield* settle
          yield* dead.end(Exit.fail("no"))
        }).pipe(Effect.scoped)
      )
      assert.strictEqual(finalized, 1)
      yield* wait("1 hour")
      assert.deepStrictEqual([living.lives(), dead.lives(), lines.length], [1, 1, 1])
    })
  )
})

describe("a program with vital parts", () => {
  it.effect("runs its finalizers before it fails with the part that was lost, in layers too", () =>
    Effect.gen(function* () {
      class Sweeper extends Context.Service<Sweeper, object>()("test/Sweeper") {}
      let closed = false
      const layer = Layer.effect(
        Sweeper,
        Effect.gen(function* () {
          yield* Effect.addFinalizer(() => Effect.sync(() => (closed = true)))
          yield* Effect.forkScoped(Vital.lose(new Vital.PartLost({ part: "The socket", attempts: 0, reason: "gone" })))
          return {}
        })
      )
      const [error, lines] = yield* collectingLogs(
        Effect.flip(Vital.untilLost(Effect.provide(Effect.andThen(Sweeper, Effect.never), layer)))
      )
      assert.strictEqual(error.message, "The socket died: gone")
      assert.isTrue(closed)
      assert.deepStrictEqual(
        lines.map(({ level, text }) => `${level} ${text}`),
        ["Fatal The socket died: gone"]
      )
    })
  )

  it.effect("that nobody asked to end goes on without the part, and the log says which", () =>
    Effect.gen(function* () {
      const lost = new Vital.PartLost({ part: "The sweep", attempts: 10, reason: "no" })
      const [, lines] = yield* collectingLogs(
        Effect.timeoutOption(Vital.lose(lost), "1 second").pipe(
          Effect.forkChild,
          Effect.tap(() => wait("1 second"))
        )
      )
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Fatal"]
      )
    })
  )
})
