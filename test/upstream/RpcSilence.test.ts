/** Calls that nobody answers, or nobody waits for any more: both are cancelled. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Rpc from "../../src/upstream/Rpc.ts"
import { answer, caller, cancellations, encode, failure, openRpc, progress, result, SILENCE } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

describe("a call that its client cancels", () => {
  it.effect("is over soon, though the server, which hangs, does not take the word", () =>
    Effect.gen(function* () {
      const { call, transport, wait } = yield* openRpc()
      const fiber = yield* call("a", caller().handlers)
      transport.onSend(Effect.never)
      const interrupted = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* wait("2 seconds")
      yield* Fiber.join(interrupted)
      assert.deepStrictEqual(cancellations(transport.taken()), [1])
    })
  )
})

describe("a call on which nothing is heard", () => {
  it.effect(
    "is given up when the silence lasts too long: the server is told to cancel, and its late answer is no fault",
    () =>
      Effect.gen(function* () {
        const { call, faults, rpc, transport, wait } = yield* openRpc()
        const fiber = yield* call("a", caller().handlers)
        transport.taken()
        yield* wait(SILENCE)
        assert.isUndefined(fiber.pollUnsafe())
        yield* wait("2 seconds")
        assert.strictEqual((yield* failure(fiber))._tag, "Silent")
        assert.deepStrictEqual(transport.taken(), [
          { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1, reason: "timeout" } }
        ])
        assert.deepStrictEqual(transport.forgotten, [1])
        assert.deepStrictEqual(rpc.calls(), [])
        transport.say(result(1))
        assert.deepStrictEqual(faults, [])
        transport.say(result(1))
        assert.strictEqual(faults.length, 1)
      })
  )

  it.effect("is given up though the server, which hangs, does not even take the word that another was", () =>
    Effect.gen(function* () {
      const { call, transport, wait } = yield* openRpc()
      const first = yield* call("a", caller().handlers)
      yield* wait("3 seconds")
      const second = yield* call("b", caller().handlers)
      transport.onSend(Effect.never)
      yield* wait(SILENCE)
      assert.strictEqual((yield* failure(first))._tag, "Silent")
      yield* wait("3 seconds")
      assert.strictEqual((yield* failure(second))._tag, "Silent")
    })
  )

  it.effect("is not given up as long as the server shows that it is at it", () =>
    Effect.gen(function* () {
      const { call, transport, wait } = yield* openRpc()
      const one = caller()
      const fiber = yield* call("a", one.handlers)
      for (let i = 0; i < 5; i++) {
        yield* wait("4 seconds")
        transport.say(progress(1))
        yield* wait("4 seconds")
        transport.say({ jsonrpc: "2.0", method: "notifications/message", params: {} }, 1)
      }
      assert.isUndefined(fiber.pollUnsafe())
      yield* wait("4 seconds")
      transport.say(result(1))
      yield* Fiber.join(fiber)
      assert.strictEqual(one.heard.length, 10)
    })
  )

  it.effect("is given up though another is talked about", () =>
    Effect.gen(function* () {
      const { call, transport, wait } = yield* openRpc()
      const silent = yield* call("a", caller().handlers)
      const busy = yield* call("b", caller().handlers)
      for (let i = 0; i < 3; i++) {
        yield* wait("3 seconds")
        transport.say(progress(2))
      }
      assert.strictEqual((yield* failure(silent))._tag, "Silent")
      assert.isUndefined(busy.pollUnsafe())
    })
  )

  it.effect("is not given up while a person is asked: their thinking is not the server's silence", () =>
    Effect.gen(function* () {
      const person = yield* Deferred.make<Rpc.Answer>()
      const { call, transport, wait } = yield* openRpc()
      const fiber = yield* call("a", caller(Deferred.await(person)).handlers)
      transport.say({ jsonrpc: "2.0", id: "q", method: "elicitation/create" }, 1)
      yield* wait("1 hour")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Deferred.succeed(person, answer("{}"))
      yield* settle
      yield* wait(SILENCE)
      assert.isUndefined(fiber.pollUnsafe())
      yield* wait("2 seconds")
      assert.strictEqual((yield* failure(fiber))._tag, "Silent")
    })
  )

  it.effect("is given up again once the server has withdrawn its question", () =>
    Effect.gen(function* () {
      const { call, transport, wait } = yield* openRpc()
      const fiber = yield* call("a", caller().handlers)
      const question = { jsonrpc: "2.0", id: "q", method: "elicitation/create" }
      const withdrawal = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "q" } }
      transport.say(question, 1)
      transport.say(withdrawal)
      transport.say(question, 1)
      yield* wait("1 minute")
      assert.isUndefined(fiber.pollUnsafe())
      transport.say(question, 1)
      yield* settle
      transport.say(withdrawal)
      yield* wait("7 seconds")
      assert.strictEqual((yield* failure(fiber))._tag, "Silent")
    })
  )
})

describe("the silence on a call", () => {
  it.effect("begins when the call is made, not when it was thought of", () =>
    Effect.gen(function* () {
      const { rpc, transport, wait } = yield* openRpc()
      const prepared = rpc.request(encode("a"), caller().handlers)
      yield* wait("1 minute")
      const fiber = yield* Effect.forkScoped(prepared)
      yield* settle
      yield* wait("4 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      transport.say(result(1))
      yield* Fiber.join(fiber)
    })
  )
})

describe("a caller that goes away", () => {
  it.effect("has the server told to cancel, and the late answer is no fault", () =>
    Effect.gen(function* () {
      const { call, faults, rpc, transport } = yield* openRpc()
      const fiber = yield* call("a", caller().handlers)
      const other = yield* call("b", caller().handlers)
      transport.taken()
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(cancellations(transport.taken()), [1])
      assert.deepStrictEqual(transport.forgotten, [1])
      assert.strictEqual(rpc.calls().length, 1)
      transport.say(progress(1))
      transport.say(result(1))
      assert.deepStrictEqual(faults, [])
      transport.say(result(2))
      yield* Fiber.join(other)
    })
  )

  it.effect("is not what an answered call looks like: nothing is cancelled after the answer", () =>
    Effect.gen(function* () {
      const { call, transport } = yield* openRpc()
      const fiber = yield* call("a", caller().handlers)
      transport.say(result(1))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(cancellations(transport.taken()), [])
    })
  )

  it.effect("many of them are remembered, but not for ever", () =>
    Effect.gen(function* () {
      const { call, faults, transport } = yield* openRpc()
      for (let i = 0; i < 300; i++) yield* Fiber.interrupt(yield* call("a"))
      transport.say(result(1))
      assert.strictEqual(faults.length, 1)
      transport.say(result(300))
      assert.strictEqual(faults.length, 1)
    })
  )
})
