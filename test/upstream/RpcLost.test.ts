/** A connection that is lost: every call learns of it, also those that come later. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { caller, cancellations, encode, failure, openRpc, result } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

describe("a connection that is lost", () => {
  it.effect("fails all that was in flight on it, with the reason", () =>
    Effect.gen(function* () {
      const { call, rpc, transport } = yield* openRpc()
      const calls = [yield* call("a", caller().handlers), yield* call("b", caller().handlers), yield* call("ours")]
      yield* transport.lose("it exited with code 1")
      for (const fiber of calls) {
        const error = yield* failure(fiber)
        assert.strictEqual(error._tag, "ConnectionLost")
        assert.strictEqual(error._tag === "ConnectionLost" ? error.reason : "", "it exited with code 1")
      }
      assert.strictEqual((yield* Effect.flip(rpc.lost)).reason, "it exited with code 1")
      assert.deepStrictEqual(rpc.calls(), [])
      assert.deepStrictEqual(cancellations(transport.taken()), [])
    })
  )

  it.effect("fails also what is asked on it afterwards: nobody waits for an answer that cannot come", () =>
    Effect.gen(function* () {
      const { call, transport } = yield* openRpc()
      yield* transport.lose("it exited with code 1")
      yield* settle
      const late = yield* call("late", caller().handlers)
      assert.isDefined(late.pollUnsafe())
      assert.strictEqual((yield* failure(late))._tag, "ConnectionLost")
    })
  )

  it.effect("and one that is closed: what was in flight on it ends, and nobody waits for ever", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { rpc } = yield* Scope.provide(openRpc(), scope)
      const fiber = yield* Effect.forkScoped(rpc.request(encode("a"), caller().handlers))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.isDefined(fiber.pollUnsafe())
    })
  )

  it.effect("withdraws the questions that came on it when it is closed", () =>
    Effect.gen(function* () {
      let withdrawn = false
      const scope = yield* Scope.make()
      const asked = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (withdrawn = true)))
      const { transport } = yield* Scope.provide(openRpc(asked), scope)
      transport.say({ jsonrpc: "2.0", id: 1, method: "roots/list" })
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(withdrawn)
    })
  )

  it.effect("is told apart from a session that expired: what is in flight may still be answered", () =>
    Effect.gen(function* () {
      const { call, rpc, transport } = yield* openRpc()
      const fiber = yield* call("a", caller().handlers)
      const expired = yield* Effect.forkScoped(rpc.expired)
      transport.receiver().expired()
      yield* Fiber.join(expired)
      yield* rpc.expire
      assert.isUndefined(fiber.pollUnsafe())
      transport.say(result(1))
      yield* Fiber.join(fiber)
    })
  )
})
