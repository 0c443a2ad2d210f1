/** Streams that can be taken up again: nothing is lost within the bounds, and nothing is kept beyond them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import * as Json from "../../src/domain/Json.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import { BOUNDS, type Delivery, type EventLog, EventLogs, Streams } from "../../src/gateway/EventLog.ts"
import { settle } from "../support/settle.ts"

const name = { session: SessionKey.make("s"), request: null }

const opened = (now = 0): { readonly logs: EventLogs; readonly log: EventLog } => {
  const logs = new EventLogs(now)
  return { logs, log: logs.open(name) }
}

const append = (log: EventLog, ...messages: ReadonlyArray<string>): void => {
  for (const message of messages) log.append(Json.utf8(message))
}

const numbered = (log: EventLog, count: number): void => {
  for (let i = 0; i < count; i++) append(log, "x")
}

const MIB = new Uint8Array(1024 * 1024)

/** What one reader is given, as it comes. */
interface Reader {
  readonly messages: Array<string>
  readonly sequences: Array<number>
  readonly told: Array<string>
  readonly hasEnded: () => boolean
  readonly stop: Effect.Effect<void>
}

const stream = (log: EventLog, after: number): Stream.Stream<Delivery> => {
  const deliveries = log.read(after)
  if (deliveries === undefined) throw new Error(`what came after ${after} is gone`)
  return deliveries
}

const read = Effect.fnUntraced(function* (log: EventLog, after: number) {
  const messages: Array<string> = []
  const sequences: Array<number> = []
  const told: Array<string> = []
  const take = (delivery: Delivery): void => {
    if (delivery._tag === "ComeBack") {
      told.push(`come back ${delivery.retryMillis}`)
      return
    }
    for (const { message, sequence } of delivery.events) {
      messages.push(Buffer.from(message.subarray(0, 20)).toString())
      sequences.push(sequence)
    }
  }
  const fiber = yield* Effect.forkScoped(
    Stream.runForEach(stream(log, after), (delivery) => Effect.sync(() => take(delivery)))
  )
  yield* settle
  return {
    messages,
    sequences,
    told,
    hasEnded: () => fiber.pollUnsafe() !== undefined,
    stop: Fiber.interrupt(fiber)
  } satisfies Reader
})

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
      logs.sweep(BOUNDS_MILLIS + 1)
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

const BOUNDS_MILLIS = 10 * 60 * 1000

describe("what is kept for those who come back", () => {
  /** A stream whose reader has gone. */
  const left = Effect.gen(function* () {
    const { log, logs } = opened()
    const reader = yield* read(log, 0)
    yield* reader.stop
    return { log, logs }
  })

  it.effect("is the last 256 events", () =>
    Effect.gen(function* () {
      const { log } = yield* left
      numbered(log, 300)
      assert.isUndefined(log.read(43))
      assert.deepStrictEqual((yield* read(log, 44)).sequences[0], 45)
      assert.strictEqual((yield* read(log, 44)).sequences.length, 256)
    })
  )

  it.effect("is at most 1 MiB of one stream, or its last event", () =>
    Effect.gen(function* () {
      const { log, logs } = yield* left
      const chunk = new Uint8Array(100 * 1024)
      for (let i = 0; i < 20; i++) log.append(chunk)
      assert.strictEqual(logs.heldBytes, 10 * chunk.length)
      assert.isUndefined(log.read(9))
      assert.strictEqual((yield* read(log, 10)).sequences.length, 10)
      const other = (yield* left).log
      other.append(new Uint8Array(3 * MIB.length))
      assert.deepStrictEqual((yield* read(other, 0)).sequences, [1])
    })
  )

  it.effect("is also what a reader has been given but may not have received", () =>
    Effect.gen(function* () {
      const { log } = opened()
      append(log, "a", "b", "c")
      const reader = yield* read(log, 0)
      assert.deepStrictEqual(reader.messages, ["a", "b", "c"])
      yield* reader.stop
      assert.deepStrictEqual((yield* read(log, 0)).messages, ["a", "b", "c"])
    })
  )

  it("is counted, and what is dropped is counted no more", () => {
    const operation = fc.tuple(
      fc.nat({ max: 4 }),
      fc.constantFrom("append", "finish", "drop", "clear"),
      fc.nat(700_000)
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const logs = new EventLogs(0)
        const all = Array.from({ length: 5 }, () => logs.open(name))
        for (const [index, what, size] of operations) {
          const log = all[index]
          if (log === undefined) continue
          if (what === "append") log.append(new Uint8Array(size))
          else if (what === "finish") log.finish()
          else if (what === "drop") logs.drop(log)
          else log.clear()
          assert.isAtLeast(logs.heldBytes, 0)
        }
        for (const log of all) logs.drop(log)
        assert.strictEqual(logs.heldBytes, 0)
      })
    )
  })
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

describe("all streams together", () => {
  it("have names that no other has, in this process or another", () => {
    const logs = [new EventLogs(0), new EventLogs(0)]
    const numbers = logs.flatMap((all) => Array.from({ length: 50 }, () => all.open(name).name.number))
    assert.strictEqual(new Set(numbers).size, 100)
  })

  it("are found by their names while they are kept", () => {
    const { log, logs } = opened()
    assert.strictEqual(logs.find({ ...log.name }), log)
    logs.drop(log)
    assert.isUndefined(logs.find(log.name))
    assert.isTrue(log.isFinished)
  })

  it("that nobody has read for ten minutes are dropped, finished or not", () => {
    const { log, logs } = opened(0)
    const finished = logs.open(name)
    append(log, "a")
    append(finished, "a")
    finished.finish()
    logs.sweep(BOUNDS_MILLIS)
    assert.isDefined(logs.find(log.name))
    logs.sweep(BOUNDS_MILLIS + 1)
    assert.isUndefined(logs.find(log.name))
    assert.isUndefined(logs.find(finished.name))
    assert.strictEqual(logs.heldBytes, 0)
  })

  it.effect("are kept as long as somebody reads them, and ten minutes from when the reader left", () =>
    Effect.gen(function* () {
      const { log, logs } = opened(0)
      const reader = yield* read(log, 0)
      logs.sweep(3 * BOUNDS_MILLIS)
      assert.isDefined(logs.find(log.name))
      yield* reader.stop
      logs.sweep(4 * BOUNDS_MILLIS)
      assert.isDefined(logs.find(log.name))
      logs.sweep(4 * BOUNDS_MILLIS + 1)
      assert.isUndefined(logs.find(log.name))
    })
  )

  it("that a reader asked for but never began to read are dropped like any other", () => {
    const { log, logs } = opened(0)
    append(log, "a")
    assert.isDefined(log.read(0))
    logs.sweep(2 * BOUNDS_MILLIS)
    logs.sweep(4 * BOUNDS_MILLIS)
    assert.isUndefined(logs.find(log.name))
  })

  it.effect("hold at most 64 MiB: of those that nobody reads, the ones left longest go first", () =>
    Effect.gen(function* () {
      const logs = new EventLogs(0)
      const fill = (log: EventLog): void => {
        for (let i = 0; i < 4; i++) log.append(MIB.subarray(0, MIB.length / 4))
      }
      const all: Array<EventLog> = []
      for (let i = 0; i < 64; i++) {
        logs.sweep(i)
        const log = logs.open(name)
        fill(log)
        all.push(log)
      }
      const [oldest, second, third] = all as [EventLog, EventLog, EventLog]
      const reader = yield* read(oldest, 0)
      assert.strictEqual(logs.heldBytes, BOUNDS.totalBytes)
      const more = logs.open(name)
      fill(more)
      assert.isAtMost(logs.heldBytes, BOUNDS.totalBytes)
      assert.isDefined(logs.find(oldest.name))
      assert.isUndefined(logs.find(second.name))
      assert.isDefined(logs.find(third.name))
      assert.isDefined(logs.find(more.name))
      assert.isFalse(reader.hasEnded())
    })
  )

  it.effect("of a running proxy are looked through as time goes by", () =>
    Effect.gen(function* () {
      const logs = yield* Streams
      const log = logs.open(name)
      append(log, "a")
      yield* TestClock.adjust("10 minutes")
      assert.isDefined(logs.find(log.name))
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined(logs.find(log.name))
    }).pipe(Effect.provide(Streams.layer))
  )
})
