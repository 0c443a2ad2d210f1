/** Requests and their answers over one transport: each answer reaches whom it is for, or is a fault. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as fc from "fast-check"
import * as Json from "../../src/domain/Json.ts"
import { MessageRefused } from "../../src/upstream/Transport.ts"
import { caller, cancellations, encode, failure, openRpc, progress, result, text } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

describe("answers", () => {
  it.effect("reach the call that they answer, in whatever order they come", () =>
    Effect.gen(function* () {
      const orders = fc.sample(fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 5 }), 20)
      for (const order of orders) {
        const { call, faults, transport } = yield* openRpc()
        const calls = yield* Effect.forEach(["a", "b", "c", "d", "e"], (method) => call(method))
        assert.deepStrictEqual(
          transport.taken().map(({ id, method }) => [id, method]),
          [
            [1, "a"],
            [2, "b"],
            [3, "c"],
            [4, "d"],
            [5, "e"]
          ]
        )
        for (const id of order) transport.say(result(id, { for: id }))
        const frames = yield* Effect.forEach(calls, Fiber.join)
        assert.deepStrictEqual(
          frames.map((frame) => JSON.parse(text(frame)) as unknown),
          [1, 2, 3, 4, 5].map((id) => result(id, { for: id }))
        )
        assert.deepStrictEqual(faults, [])
      }
    }).pipe(Effect.scoped)
  )

  it.effect("are handed on byte for byte, errors too", () =>
    Effect.gen(function* () {
      const { call, transport } = yield* openRpc()
      const fiber = yield* call("a")
      const message = ' { "error":{"code":-1,"data":12345678901234567890},\n"id" : 1,"vendor":"x","jsonrpc":"2.0"}'
      transport.say(message)
      assert.strictEqual(text(yield* Fiber.join(fiber)), message)
    })
  )

  it.effect("that come twice, that nobody waits for, or that name no request of ours are faults, and harm nobody", () =>
    Effect.gen(function* () {
      const { call, faults, transport } = yield* openRpc()
      const first = yield* call("a")
      const second = yield* call("b")
      transport.say(result(1))
      transport.say(result(1))
      for (const id of [99, "2", "x", null, 2.5, -1]) transport.say(result(id))
      assert.strictEqual(faults.length, 7)
      for (const fault of faults) assert.match(fault, /^answered a request that is not open \(id .*\): \{/u)
      yield* Fiber.join(first)
      assert.isUndefined(second.pollUnsafe())
      transport.say(result(2))
      yield* Fiber.join(second)
    })
  )

  it.effect("that are junk are faults, quoted but not at length, and harm nobody", () =>
    Effect.gen(function* () {
      const { call, faults, transport } = yield* openRpc()
      const fiber = yield* call("a")
      const junk = [
        "",
        "Listening on port 3000",
        "[]",
        "{",
        '{"id":1}',
        `{"id":1,"method":"x","result":{}}`,
        "x".repeat(5000)
      ]
      for (const line of junk) transport.say(line)
      assert.strictEqual(faults.length, junk.length)
      assert.isTrue(faults.every((fault) => fault.length < 400))
      assert.include(faults[1], "Listening on port 3000")
      transport.receiver().junk("something of the transport's own")
      assert.include(faults, "something of the transport's own")
      transport.say(result(1))
      yield* Fiber.join(fiber)
    })
  )

  it.effect("no bytes at all make receiving throw", () =>
    Effect.gen(function* () {
      const { transport } = yield* openRpc()
      const bytes = fc.oneof(fc.uint8Array(), fc.json().map(Json.utf8), fc.string({ unit: "binary" }).map(Json.utf8))
      for (const message of fc.sample(bytes, 300)) transport.receiver().message(message, undefined)
    })
  )
})

describe("a call that cannot be made", () => {
  it.effect("fails as its transport says, and is forgotten", () =>
    Effect.gen(function* () {
      const { call, faults, rpc, transport } = yield* openRpc()
      transport.onSend(Effect.fail(new MessageRefused({ reason: "it answered HTTP 500" })))
      const error = yield* failure(yield* call("a", caller().handlers))
      assert.strictEqual(error._tag, "MessageRefused")
      assert.deepStrictEqual(rpc.calls(), [])
      transport.onSend(Effect.void)
      transport.say(result(1))
      assert.strictEqual(faults.length, 1)
      assert.deepStrictEqual(cancellations(transport.taken()), [])
    })
  )

  it.effect("fails when its transport says later that no answer can come", () =>
    Effect.gen(function* () {
      const { call, transport } = yield* openRpc()
      const fiber = yield* call("a")
      assert.isTrue(transport.receiver().isOpen(1))
      transport.receiver().failed(1, new MessageRefused({ reason: "the stream ended" }))
      assert.strictEqual((yield* failure(fiber))._tag, "MessageRefused")
      assert.isFalse(transport.receiver().isOpen(1))
      transport.receiver().failed(1, new MessageRefused({ reason: "again" }))
    })
  )

  it.effect("because it cannot be encoded leaves nothing behind", () =>
    Effect.gen(function* () {
      const { rpc } = yield* openRpc()
      const broken = (): never => {
        throw new RangeError("too deep")
      }
      const exit = yield* Effect.exit(rpc.request(broken, caller().handlers))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(rpc.calls(), [])
    })
  )
})

describe("initialize", () => {
  it.effect("may take as long as it does, and is never cancelled", () =>
    Effect.gen(function* () {
      const { rpc, transport, wait } = yield* openRpc()
      const slow = yield* Effect.forkScoped(rpc.initialize(encode("initialize")))
      yield* settle
      yield* wait("1 hour")
      assert.isUndefined(slow.pollUnsafe())
      transport.say(result(1))
      yield* Fiber.join(slow)
      const given = yield* Effect.forkScoped(rpc.initialize(encode("initialize")))
      yield* settle
      yield* Fiber.interrupt(given)
      assert.deepStrictEqual(cancellations(transport.taken()), [])
    })
  )
})

describe("initialize, also where the server says something meanwhile", () => {
  it.effect("may take as long as it does", () =>
    Effect.gen(function* () {
      const { rpc, transport, wait } = yield* openRpc()
      const slow = yield* Effect.forkScoped(rpc.initialize(encode("initialize")))
      yield* settle
      yield* wait("2 seconds")
      transport.say({ jsonrpc: "2.0", method: "notifications/message", params: {} }, 1)
      transport.say(progress(1))
      yield* wait("1 hour")
      assert.isUndefined(slow.pollUnsafe())
      transport.say(result(1))
      yield* Fiber.join(slow)
    })
  )
})

describe("the calls in flight", () => {
  it.effect("are listed oldest first, without requests of our own", () =>
    Effect.gen(function* () {
      const { call, rpc, transport } = yield* openRpc()
      const [one, two, three] = [caller().handlers, caller().handlers, caller().handlers]
      yield* call("a", one)
      yield* call("ours")
      yield* call("b", two)
      yield* call("c", three)
      assert.deepStrictEqual(rpc.calls(), [one, two, three])
      transport.say(result(3))
      assert.deepStrictEqual(rpc.calls(), [one, three])
    })
  )
})
