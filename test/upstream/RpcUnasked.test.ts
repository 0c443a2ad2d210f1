/** What a server says of its own accord: notifications and questions, each to whom it concerns. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Json from "../../src/domain/Json.ts"
import * as Rpc from "../../src/upstream/Rpc.ts"
import { answer, caller, openRpc, progress, result } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

describe("notifications", () => {
  it.effect("of progress reach the call whose token they bear", () =>
    Effect.gen(function* () {
      const { call, transport, unrelated } = yield* openRpc()
      const [one, other] = [caller(), caller()]
      yield* call("a", one.handlers)
      yield* call("b", other.handlers)
      transport.say(progress(2))
      transport.say(progress(1), 2)
      transport.say(progress(2))
      assert.deepStrictEqual([one.heard.length, other.heard.length], [1, 2])
      transport.say(progress(99))
      transport.say(progress("x"))
      transport.say(progress(null))
      assert.deepStrictEqual([one.heard.length, other.heard.length], [1, 2])
      assert.deepStrictEqual(unrelated, [])
    })
  )

  it.effect("on a call's stream reach that call; others nobody's in particular", () =>
    Effect.gen(function* () {
      const { call, transport, unrelated } = yield* openRpc()
      const one = caller()
      yield* call("a", one.handlers)
      yield* call("ours")
      const message = { jsonrpc: "2.0", method: "notifications/message", params: {} }
      transport.say(message, 1)
      transport.say(message, 2)
      transport.say(message, 77)
      transport.say({ jsonrpc: "2.0", method: "notifications/tools/list_changed" })
      assert.deepStrictEqual(one.heard, ["notifications/message"])
      assert.deepStrictEqual(unrelated, [
        "notifications/message",
        "notifications/message",
        "notifications/tools/list_changed"
      ])
    })
  )

  it.effect("that the server will answer later, by polling, reach the call", () =>
    Effect.gen(function* () {
      const { call, transport, wait } = yield* openRpc()
      const one = caller()
      const fiber = yield* call("a", one.handlers)
      yield* wait("4 seconds")
      transport.receiver().polling(1, 750)
      transport.receiver().polling(99, 1)
      assert.deepStrictEqual(one.heard, ["polling 750"])
      yield* wait("4 seconds")
      assert.isUndefined(fiber.pollUnsafe())
    })
  )

  it.effect("of ours are sent as they are", () =>
    Effect.gen(function* () {
      const { rpc, transport } = yield* openRpc()
      yield* rpc.notify(Json.utf8('{"jsonrpc":"2.0","method":"x"}'))
      assert.deepStrictEqual(transport.sent, ['{"jsonrpc":"2.0","method":"x"}'])
    })
  )
})

describe("questions", () => {
  const question = (id: unknown, method = "sampling/createMessage"): object => ({ jsonrpc: "2.0", id, method })

  it.effect("reach the call on whose stream they came, and the answer goes back under the server's own id", () =>
    Effect.gen(function* () {
      const { call, transport } = yield* openRpc()
      const one = caller(Effect.succeed(answer('{"a":\n12345678901234567890}')))
      yield* call("a", one.handlers)
      transport.taken()
      transport.say('{"jsonrpc":"2.0","id": 98765432109876543210 ,"method":"sampling/createMessage"}', 1)
      yield* settle
      assert.deepStrictEqual(one.heard, ["asked sampling/createMessage"])
      assert.strictEqual(
        transport.sent.at(-1),
        '{"jsonrpc":"2.0","id":98765432109876543210,"result":{"a": 12345678901234567890}}'
      )
    })
  )

  it.effect("are answered with an error where that is the answer", () =>
    Effect.gen(function* () {
      const { call, transport } = yield* openRpc()
      yield* call("a", caller(Effect.succeed(Rpc.unanswerable("Nobody is there"))).handlers)
      transport.taken()
      transport.say(question("q"), 1)
      yield* settle
      assert.deepStrictEqual(transport.taken(), [
        { jsonrpc: "2.0", id: "q", error: { code: -32601, message: "Nobody is there" } }
      ])
    })
  )

  it.effect("on no call's stream are nobody's in particular", () =>
    Effect.gen(function* () {
      const { transport, unrelated } = yield* openRpc(Effect.succeed(answer("{}")))
      transport.say(question(1))
      transport.say(question(2, "roots/list"), 55)
      yield* settle
      assert.deepStrictEqual(unrelated, ["asked sampling/createMessage", "asked roots/list"])
      assert.deepStrictEqual(transport.taken(), [result(1), result(2)])
    })
  )

  it.effect("several at once are each answered, whichever answer comes first", () =>
    Effect.gen(function* () {
      const answers = [yield* Deferred.make<Rpc.Answer>(), yield* Deferred.make<Rpc.Answer>()] as const
      let asked = 0
      const { transport } = yield* openRpc(Effect.suspend(() => Deferred.await(answers[asked++ === 0 ? 0 : 1])))
      transport.say(question("one"))
      transport.say(question("two"))
      yield* settle
      yield* Deferred.succeed(answers[1], answer("2"))
      yield* settle
      yield* Deferred.succeed(answers[0], answer("1"))
      yield* settle
      assert.deepStrictEqual(transport.taken(), [result("two", 2), result("one", 1)])
    })
  )

  it.effect("ping is answered by ourselves, whoever is there", () =>
    Effect.gen(function* () {
      const { call, transport, unrelated } = yield* openRpc()
      const one = caller()
      yield* call("a", one.handlers)
      transport.taken()
      transport.say(question("p", "ping"))
      transport.say(question(7, "ping"), 1)
      yield* settle
      assert.deepStrictEqual(transport.taken(), [result("p"), result(7)])
      assert.deepStrictEqual([one.heard, unrelated], [[], []])
    })
  )

  it.effect("that the server withdraws are withdrawn from whoever was asked, and not answered", () =>
    Effect.gen(function* () {
      let withdrawn = false
      const asked = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (withdrawn = true)))
      const { transport } = yield* openRpc(asked)
      transport.say(question("q"))
      yield* settle
      transport.say({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "other" } })
      transport.say({ jsonrpc: "2.0", method: "notifications/cancelled", params: {} })
      yield* settle
      assert.isFalse(withdrawn)
      transport.say({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "q" } })
      yield* settle
      assert.isTrue(withdrawn)
      assert.deepStrictEqual(transport.taken(), [])
    })
  )

  it.effect("of one id as a number and another as a text are two", () =>
    Effect.gen(function* () {
      const { transport, unrelated } = yield* openRpc()
      transport.say(question(1))
      transport.say(question("1"))
      transport.say({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } })
      yield* settle
      assert.strictEqual(unrelated.length, 2)
      assert.deepStrictEqual(transport.taken(), [])
    })
  )
})
