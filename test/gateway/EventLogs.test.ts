/** All streams of a process: whoever waits on them hears that it lives, and they come to their end with it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { Streams } from "../../src/gateway/EventLogs.ts"
import { append, eventLogs, name, opened, read } from "../support/eventLog.ts"
import { settle } from "../support/settle.ts"

describe("whoever reads a stream", () => {
  it.effect("hears within 15 seconds that it lives, however long nothing is said", () =>
    Effect.gen(function* () {
      const streams = yield* Streams
      yield* TestClock.adjust("4 seconds")
      const log = streams.open(name)
      const reader = yield* read(log, 0)
      for (let times = 1; times <= 3; times++) {
        yield* TestClock.adjust("15 seconds")
        yield* settle
        assert.deepStrictEqual(
          reader.told,
          Array.from({ length: times }, () => "alive")
        )
      }
      append(log, "a")
      yield* settle
      assert.deepStrictEqual(reader.messages, ["a"])
    }).pipe(Effect.provide(Streams.layer))
  )

  it.effect("is told so once each time; who came later, not at all", () =>
    Effect.gen(function* () {
      const { log, logs } = opened()
      logs.beat()
      const reader = yield* read(log, 0)
      assert.deepStrictEqual(reader.told, [])
      for (let times = 1; times <= 2; times++) {
        logs.beat()
        yield* settle
        assert.strictEqual(reader.told.length, times)
      }
    })
  )
})

describe("when a process stops", () => {
  it.effect("standing streams end with the word when to come back, also those that are opened yet; others go on", () =>
    Effect.gen(function* () {
      const { log, logs } = opened()
      const answering = logs.open({ ...name, request: "1" })
      const readers = [yield* read(log, 0), yield* read(answering, 0)]
      logs.dismissStanding()
      yield* settle
      const late = yield* read(logs.open(name), 0)
      assert.deepStrictEqual(
        [...readers, late].map(({ hasEnded, told }) => [told, hasEnded()]),
        [
          [["come back undefined"], true],
          [[], false],
          [["come back undefined"], true]
        ]
      )
    })
  )

  it.effect("in the end all readers are let go, and so are those who come yet", () =>
    Effect.gen(function* () {
      const logs = eventLogs(0)
      const log = logs.open({ ...name, request: "1" })
      const reader = yield* read(log, 0)
      assert.isFalse(reader.hasEnded())
      logs.close()
      yield* settle
      const late = yield* read(log, 0)
      assert.deepStrictEqual([reader.hasEnded(), late.hasEnded()], [true, true])
    })
  )
})
