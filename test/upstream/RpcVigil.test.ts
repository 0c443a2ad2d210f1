/** Pings over a connection: who is asked for a sign of life, and what becomes of the calls of a server that hangs. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { MessageRefused, SessionExpired } from "../../src/upstream/Transport.ts"
import { caller, encode, failure, openRpc, progress, result } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

/** A connection that is watched over: pinged after 20 s, to be answered within 3 s. A call may be silent for 5 s. */
const watched = Effect.fnUntraced(function* () {
  const opened = yield* openRpc()
  const noted: Array<boolean> = []
  const may = { ping: true }
  opened.rpc.watchOver({
    ping: opened.rpc.initialize(encode("ping")),
    every: Duration.seconds(20),
    within: Duration.seconds(3),
    mayPing: Effect.sync(() => may.ping),
    noteUnanswered: (isUnanswered) => Effect.sync(() => void noted.push(isUnanswered))
  })
  /** The ids of the pings sent since it was last asked. */
  const pings = () =>
    opened.transport
      .taken()
      .filter(({ method }) => method === "ping")
      .map(({ id }) => id)
  return { ...opened, noted, may, pings }
})

describe("a connection on which nothing is heard", () => {
  it.effect("is pinged, and stands as long as there is an answer, even an error", () =>
    Effect.gen(function* () {
      const { noted, pings, rpc, transport, wait } = yield* watched()
      yield* wait("20 seconds")
      assert.deepStrictEqual(pings(), [1])
      transport.say({ jsonrpc: "2.0", id: 1, error: { code: -32601, message: "ping?" } })
      yield* wait("20 seconds")
      assert.deepStrictEqual(pings(), [2])
      transport.receiver().failed(2, new MessageRefused({ reason: "HTTP 404", status: 404 }))
      yield* wait("20 seconds")
      assert.deepStrictEqual(pings(), [3])
      assert.isFalse(rpc.isLost())
      assert.deepStrictEqual(noted, [])
      assert.deepStrictEqual(rpc.calls(), [])
    })
  )

  it.effect("is not pinged while something is heard", () =>
    Effect.gen(function* () {
      const { pings, transport, wait } = yield* watched()
      for (let i = 0; i < 10; i++) {
        yield* wait("18 seconds")
        transport.say({ jsonrpc: "2.0", method: "notifications/message", params: {} })
      }
      assert.deepStrictEqual(pings(), [])
    })
  )

  it.effect("is lost if its server answered before and does not now", () =>
    Effect.gen(function* () {
      const { rpc, transport, wait } = yield* watched()
      yield* wait("20 seconds")
      transport.say(result(1))
      yield* wait("22 seconds")
      assert.isFalse(rpc.isLost())
      yield* wait("1 second")
      const lost = yield* Effect.flip(rpc.lost)
      assert.strictEqual(lost.reason, "it did not answer a ping within 3s (pingTimeout)")
      assert.strictEqual(lost.ending, "silent")
    })
  )

  it.effect("stands if its server has never answered, which is noted until it does", () =>
    Effect.gen(function* () {
      const { noted, pings, rpc, transport, wait } = yield* watched()
      yield* wait("1 hour")
      assert.deepStrictEqual(pings(), [1])
      assert.deepStrictEqual(noted, [true])
      assert.isFalse(rpc.isLost())
      transport.say(result(1))
      yield* settle
      assert.deepStrictEqual(noted, [true, false])
    })
  )

  it.effect("is not pinged while its server wants to be left alone", () =>
    Effect.gen(function* () {
      const { may, pings, wait } = yield* watched()
      may.ping = false
      yield* wait("10 minutes")
      assert.deepStrictEqual(pings(), [])
      may.ping = true
      yield* wait("1 second")
      assert.deepStrictEqual(pings(), [1])
    })
  )

  it.effect("whose session turns out to have ended is said to have expired", () =>
    Effect.gen(function* () {
      const { rpc, transport, wait } = yield* watched()
      const expired = yield* Effect.forkScoped(rpc.expired)
      yield* wait("20 seconds")
      transport.receiver().failed(1, new SessionExpired())
      yield* settle
      assert.isDefined(expired.pollUnsafe())
      assert.isFalse(rpc.isLost())
    })
  )
})

describe("a server that left a call unanswered", () => {
  it.effect("and does not answer a ping is lost: its other calls learn that it hangs", () =>
    Effect.gen(function* () {
      const { call, pings, rpc, wait } = yield* watched()
      const first = yield* call("a", caller().handlers)
      yield* wait("4 seconds")
      const second = yield* call("b", caller().handlers)
      yield* wait("2 seconds")
      assert.strictEqual((yield* failure(first))._tag, "Silent")
      assert.strictEqual(pings().length, 1)
      yield* wait("3 seconds")
      const error = yield* failure(second)
      assert.strictEqual(error._tag, "ConnectionLost")
      assert.match(error.message, /did not answer a ping/u)
      assert.isTrue(rpc.isLost())
    })
  )

  it.effect("and answers a ping stands: it was busy, or slow", () =>
    Effect.gen(function* () {
      const { call, pings, rpc, transport, wait } = yield* watched()
      const slow = yield* call("a", caller().handlers)
      yield* wait("6 seconds")
      assert.strictEqual((yield* failure(slow))._tag, "Silent")
      transport.say(result(pings()[0]))
      yield* wait("10 seconds")
      assert.isFalse(rpc.isLost())
    })
  )

  it.effect("and reports progress of another call stands too", () =>
    Effect.gen(function* () {
      const { call, rpc, transport, wait } = yield* watched()
      const slow = yield* call("a", caller().handlers)
      const busy = yield* call("b", caller().handlers)
      for (let i = 0; i < 20; i++) {
        yield* wait("2 seconds")
        transport.say(progress(2))
      }
      assert.strictEqual((yield* failure(slow))._tag, "Silent")
      assert.isUndefined(busy.pollUnsafe())
      assert.isFalse(rpc.isLost())
    })
  )

  it.effect("is not lost before that, however long it is silent: one call may keep all of it busy", () =>
    Effect.gen(function* () {
      const { pings, rpc, transport, wait } = yield* watched()
      yield* wait("20 seconds")
      transport.say(result(pings()[0]))
      yield* wait("18 seconds")
      const blocking = yield* Effect.forkScoped(rpc.request(encode("compute"), caller().handlers))
      yield* wait("5 seconds")
      assert.strictEqual(pings().length, 1, "it is pinged, and the ping is overdue")
      assert.isFalse(rpc.isLost())
      transport.say(result(2))
      transport.say(result(3))
      yield* Fiber.join(blocking)
      yield* wait("5 seconds")
      assert.isFalse(rpc.isLost())
    })
  )
})

describe("a connection that nobody watches over", () => {
  it.effect("is never pinged", () =>
    Effect.gen(function* () {
      const { transport, wait } = yield* openRpc()
      yield* wait("1 day")
      assert.deepStrictEqual(transport.taken(), [])
    })
  )
})
