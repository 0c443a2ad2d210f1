/** The fibers of calls are known as long as they are under way, and none outlives what it belongs to. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { Underway } from "../../src/gateway/Underway.ts"

/** A fiber that goes on until it is let go. */
const held = Effect.gen(function* () {
  const end = yield* Deferred.make<void>()
  const fiber = yield* Effect.forkDetach(Deferred.await(end), { startImmediately: true })
  return { end, fiber }
})

describe("what is under way", () => {
  it.effect("is waited for, and for no longer", () =>
    Effect.gen(function* () {
      const underway = yield* Underway.make
      yield* underway.idle
      const [one, other] = [yield* held, yield* held]
      underway.add(one.fiber)
      underway.add(other.fiber)
      const idle = yield* Effect.forkChild(underway.idle, { startImmediately: true })
      yield* Deferred.succeed(one.end, undefined)
      yield* Fiber.await(one.fiber)
      assert.isUndefined(idle.pollUnsafe())
      yield* Deferred.succeed(other.end, undefined)
      yield* Fiber.join(idle)
    })
  )

  it.effect("is not what had ended before", () =>
    Effect.gen(function* () {
      const underway = yield* Underway.make
      underway.add(yield* Effect.forkDetach(Effect.void, { startImmediately: true }))
      yield* underway.idle
    })
  )

  it.effect("is interrupted as a whole, after which it goes on being kept", () =>
    Effect.gen(function* () {
      const underway = yield* Underway.make
      const { fiber } = yield* held
      underway.add(fiber)
      yield* underway.interrupt
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      const later = yield* held
      underway.add(later.fiber)
      assert.isUndefined(later.fiber.pollUnsafe())
    })
  )

  it.effect("does not outlive its scope, not even where it comes late", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const underway = yield* Scope.provide(Underway.make, scope)
      const [early, late] = [yield* held, yield* held]
      underway.add(early.fiber)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(early.fiber)))
      underway.add(late.fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(late.fiber)))
    })
  )
})
