/** Requests, answers, notifications and questions over one transport: each reaches whom it is for, or is a fault. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import type * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import * as Rpc from "../../src/upstream/Rpc.ts"
import { MessageRefused } from "../../src/upstream/Transport.ts"
import { memoryTransport } from "../support/memoryTransport.ts"
import { settle } from "../support/settle.ts"

const SILENCE = 5000

const text = (frame: Frame.Frame): string => Buffer.from(frame.bytes).toString()

const encode =
  (method: string) =>
  (id: number): Uint8Array =>
    Json.encode({ jsonrpc: "2.0", id, method })

const result = (id: unknown, value: unknown = {}): Record<string, unknown> => ({ jsonrpc: "2.0", id, result: value })

const answer = (body: string): Rpc.Answer => ({ outcome: "result", body: Json.utf8(body) })

const progress = (token: unknown): object => ({
  jsonrpc: "2.0",
  method: "notifications/progress",
  params: { progressToken: token, progress: 1 }
})

/** Someone who made a call: keeps what the server has to say meanwhile. */
const caller = (answer: Effect.Effect<Rpc.Answer> = Effect.never) => {
  const heard: Array<string> = []
  const handlers: Rpc.CallHandlers = {
    session: SessionKey.make("s"),
    notify: (frame) => void heard.push(frame.method),
    ask: (frame) => {
      heard.push(`asked ${frame.method}`)
      return answer
    },
    polling: (retryMillis) => void heard.push(`polling ${retryMillis}`)
  }
  return { heard, handlers }
}

const openRpc = Effect.fnUntraced(function* (unrelatedAnswer: Effect.Effect<Rpc.Answer> = Effect.never) {
  const transport = memoryTransport()
  const faults: Array<string> = []
  const unrelated: Array<string> = []
  const rpc = yield* Rpc.open(
    transport.open,
    {
      notification: (frame) => void unrelated.push(frame.method),
      ask: (frame) => {
        unrelated.push(`asked ${frame.method}`)
        return unrelatedAnswer
      },
      fault: (description) => void faults.push(description)
    },
    SILENCE
  )
  yield* settle
  /** Makes a call and lets it get under way. */
  const call = (method: string, handlers?: Rpc.CallHandlers) =>
    Effect.tap(Effect.forkScoped(rpc.request(encode(method), handlers)), () => settle)
  const wait = (duration: Parameters<typeof TestClock.adjust>[0]) => Effect.andThen(TestClock.adjust(duration), settle)
  return { rpc, transport, faults, unrelated, call, wait }
})

/** The requests to cancel among what was sent. */
const cancellations = (sent: ReadonlyArray<Record<string, unknown>>): ReadonlyArray<unknown> =>
  sent
    .filter(({ method }) => method === "notifications/cancelled")
    .map(({ params }) => (params as { readonly requestId: unknown }).requestId)

const failure = <A, E>(fiber: Fiber.Fiber<A, E>) => Effect.flip(Fiber.join(fiber))

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
      const broken = (): Uint8Array => {
        throw new RangeError("too deep")
      }
      const exit = yield* Effect.exit(rpc.request(broken, caller().handlers))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(rpc.calls(), [])
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
