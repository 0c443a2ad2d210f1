/** Streams that can be taken up again: nothing is lost within the bounds, and nothing is kept beyond them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { BOUNDS, type EventLog } from "../../src/gateway/EventLog.ts"
import { append, MIB, numbered, opened, read, stream, TIME_MILLIS } from "../support/eventLog.ts"
import { settle } from "../support/settle.ts"

describe("a reader", () => {
  it.effect("is given what was said before, then what is said, until nothing more will come", () =>
    Effect.gen(function* () {
      const { log } = opened()
      append(log, "a", "b")
      const reader = yield* read(log, 0)
      assert.deepStrictEqual(reader.messages, ["a", "b"])
      append(log, "c")
      yield* settle
      append(log, "d", "e")
      yield* settle
      assert.deepStrictEqual(reader.messages, ["a", "b", "c", "d", "e"])
      assert.deepStrictEqual(reader.sequences, [1, 2, 3, 4, 5])
      assert.isFalse(reader.hasEnded())
      append(log, "f")
      log.finish()
      append(log, "too late")
      yield* settle
      assert.strictEqual(reader.messages.at(-1), "f")
      assert.isTrue(reader.hasEnded())
    })
  )

  it.effect("that comes back is given what came after the event that it names, and nothing twice", () =>
    Effect.gen(function* () {
      const { log } = opened()
      append(log, "a", "b")
      const first = yield* read(log, 0)
      yield* first.stop
      append(log, "c", "d")
      assert.deepStrictEqual((yield* read(log, 1)).messages, ["b", "c", "d"])
      assert.deepStrictEqual((yield* read(log, 4)).messages, [])
      assert.deepStrictEqual((yield* read(log, 0)).messages, ["a", "b", "c", "d"])
    })
  )

  it.effect("may come when all has been said already", () =>
    Effect.gen(function* () {
      const { log } = opened()
      append(log, "a")
      log.finish()
      const reader = yield* read(log, 0)
      assert.deepStrictEqual(reader.messages, ["a"])
      assert.isTrue(reader.hasEnded())
      assert.isTrue((yield* read(log, 1)).hasEnded())
    })
  )

  it.effect("that names an event that there was not is turned away", () =>
    Effect.gen(function* () {
      const { log } = opened()
      append(log, "a")
      assert.isUndefined(log.read(2))
      assert.isUndefined(log.read(Number.MAX_SAFE_INTEGER))
      assert.isUndefined(log.read(-1))
      assert.isDefined(log.read(1))
      yield* Effect.void
    })
  )

  it.effect("takes over from another, which ends: the stream has one reader", () =>
    Effect.gen(function* () {
      const { log } = opened()
      append(log, "a")
      const first = yield* read(log, 0)
      const second = yield* read(log, 1)
      assert.isTrue(first.hasEnded())
      append(log, "b")
      yield* settle
      assert.deepStrictEqual(first.messages, ["a"])
      assert.deepStrictEqual(second.messages, ["b"])
      assert.isFalse(second.hasEnded())
    })
  )

  it.effect("that was taken over from does not, when it goes at last, take the stream from the other", () =>
    Effect.gen(function* () {
      const { log, logs } = opened()
      const first = yield* read(log, 0)
      yield* read(log, 0)
      yield* first.stop
      assert.isUndefined(log.idleSince)
      logs.sweep(TIME_MILLIS + 1)
      assert.isDefined(logs.find(log.name))
    })
  )

  it.effect("is given exactly what came after, or told that it is gone: whatever was said, and however much", () =>
    Effect.gen(function* () {
      const sizes = fc.array(fc.constantFrom(0, 1, 1000, 100_000, 600_000, 2_000_000), { maxLength: 30 })
      for (const [many, share] of fc.sample(fc.tuple(sizes, fc.double({ min: 0, max: 1, noNaN: true })), 200)) {
        const { log } = opened()
        for (const size of many) log.append(new Uint8Array(size))
        log.finish()
        const after = Math.round(share * many.length)
        if (log.read(after) === undefined) continue
        const { sequences } = yield* read(log, after)
        assert.deepStrictEqual(
          sequences,
          many.map((_, index) => index + 1).filter((sequence) => sequence > after)
        )
      }
    })
  )
})

describe("a reader that is slow", () => {
  /** A reader that takes the first events and then nothing, until it is let go on. */
  const slow = Effect.fnUntraced(function* (log: EventLog) {
    append(log, "first")
    const latch = yield* Latch.make(false)
    const sequences: Array<number> = []
    const fiber = yield* Effect.forkScoped(
      Stream.runForEach(stream(log, 0), (delivery) =>
        Effect.suspend(() => {
          if (delivery._tag === "Events") sequences.push(...delivery.events.map(({ sequence }) => sequence))
          return latch.await
        })
      )
    )
    yield* settle
    assert.deepStrictEqual(sequences, [1])
    return { sequences, hasEnded: () => fiber.pollUnsafe() !== undefined, goOn: Effect.andThen(latch.open, settle) }
  })

  it.effect("loses nothing, however many events are waiting for it", () =>
    Effect.gen(function* () {
      const { log } = opened()
      const reader = yield* slow(log)
      numbered(log, 1000)
      for (let i = 0; i < 60; i++) log.append(MIB)
      log.finish()
      yield* reader.goOn
      assert.deepStrictEqual(
        reader.sequences,
        Array.from({ length: 1061 }, (_, index) => index + 1)
      )
      assert.isTrue(reader.hasEnded())
    })
  )

  it.effect("beyond 72 MiB is cut off rather than given a stream with holes, and memory is bounded", () =>
    Effect.gen(function* () {
      const { log, logs } = opened()
      const reader = yield* slow(log)
      for (let i = 0; i < 100; i++) log.append(MIB)
      assert.isAtMost(logs.heldBytes, BOUNDS.backlogBytes)
      yield* reader.goOn
      assert.deepStrictEqual(reader.sequences, [1])
      assert.isTrue(reader.hasEnded())
    })
  )

  it.effect("frees what it has read", () =>
    Effect.gen(function* () {
      const { log, logs } = opened()
      const reader = yield* slow(log)
      for (let i = 0; i < 30; i++) log.append(MIB)
      assert.isAtLeast(logs.heldBytes, 30 * MIB.length)
      yield* reader.goOn
      assert.strictEqual(reader.sequences.length, 31)
      assert.isAtMost(logs.heldBytes, MIB.length)
    })
  )
})

describe("a reader that is let go", () => {
  it.effect("is first given what was said, then told when to come back, and the stream goes on", () =>
    Effect.gen(function* () {
      const { log } = opened()
      const reader = yield* read(log, 0)
      append(log, "a")
      log.dismiss(750)
      yield* settle
      assert.deepStrictEqual([reader.messages, reader.told], [["a"], ["come back 750"]])
      assert.isTrue(reader.hasEnded())
      assert.isFalse(log.isFinished)
      append(log, "b")
      const again = yield* read(log, 1)
      assert.deepStrictEqual([again.messages, again.told], [["b"], []])
      assert.isFalse(again.hasEnded())
    })
  )

  it.effect("before it has begun is told so when it begins, once", () =>
    Effect.gen(function* () {
      const { log } = opened()
      log.dismiss(50)
      const reader = yield* read(log, 0)
      assert.deepStrictEqual([reader.messages, reader.told], [[], ["come back 50"]])
      append(log, "answer")
      const again = yield* read(log, 0)
      assert.deepStrictEqual([again.messages, again.told], [["answer"], []])
    })
  )

  it.effect("is not told to come back to a stream on which nothing more will come", () =>
    Effect.gen(function* () {
      const { log } = opened()
      const deliveries = stream(log, 0)
      append(log, "answer")
      log.dismiss(undefined)
      log.finish()
      const given = yield* Stream.runCollect(deliveries)
      assert.deepStrictEqual(
        [...given].map(({ _tag }) => _tag),
        ["Events"]
      )
    })
  )

  it.effect("leaves the stream to nobody", () =>
    Effect.gen(function* () {
      const { log } = opened(5)
      const reader = yield* read(log, 0)
      assert.isUndefined(log.idleSince)
      log.dismiss(undefined)
      yield* settle
      assert.deepStrictEqual(reader.told, ["come back undefined"])
      assert.strictEqual(log.idleSince, 5)
    })
  )
})
