/** What is kept of streams for those who come back, and what is dropped: by number, size and age. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import { SessionKey } from "../../src/domain/ServerId.ts"
import { BOUNDS, type EventLog } from "../../src/gateway/EventLog.ts"
import { type EventLogs, Streams } from "../../src/gateway/EventLogs.ts"
import { append, eventLogs, MIB, name, numbered, opened, read, stream, TIME_MILLIS } from "../support/eventLog.ts"
import { settle } from "../support/settle.ts"

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

  it.effect("keeps no memory beside its own, but for the streams left last", () =>
    Effect.gen(function* () {
      const logs = eventLogs(0)
      const all: Array<EventLog> = []
      for (let i = 0; i < 40; i++) {
        const log = logs.open({ ...name, session: SessionKey.make(String(i)) })
        for (const length of [100, 50]) log.append(new Uint8Array(64 * 1024).fill(i).subarray(0, length))
        const reader = yield* read(log, 0)
        yield* reader.stop
        all.push(log)
      }
      // The last few may wait for others to be packed with.
      for (const [index, log] of all.slice(0, 32).entries()) {
        const delivery = Option.getOrUndefined(yield* Stream.runHead(stream(log, 0)))
        const messages = delivery?._tag === "Events" ? delivery.events.map(({ message }) => message) : []
        assert.deepStrictEqual(messages, [new Uint8Array(100).fill(index), new Uint8Array(50).fill(index)])
        assert.deepStrictEqual(
          messages.map(({ buffer }) => buffer.byteLength),
          [150, 150]
        )
      }
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
        const logs = eventLogs(0)
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

describe("all streams together", () => {
  it("have names that no other has, in this process or another", () => {
    const logs = [eventLogs(0), eventLogs(0)]
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
    logs.sweep(TIME_MILLIS)
    assert.isDefined(logs.find(log.name))
    logs.sweep(TIME_MILLIS + 1)
    assert.isUndefined(logs.find(log.name))
    assert.isUndefined(logs.find(finished.name))
    assert.strictEqual(logs.heldBytes, 0)
  })

  it.effect("are kept as long as somebody reads them, and ten minutes from when the reader left", () =>
    Effect.gen(function* () {
      const { log, logs } = opened(0)
      const reader = yield* read(log, 0)
      logs.sweep(3 * TIME_MILLIS)
      assert.isDefined(logs.find(log.name))
      yield* reader.stop
      logs.sweep(4 * TIME_MILLIS)
      assert.isDefined(logs.find(log.name))
      logs.sweep(4 * TIME_MILLIS + 1)
      assert.isUndefined(logs.find(log.name))
    })
  )

  it("that a reader asked for but never began to read are dropped like any other", () => {
    const { log, logs } = opened(0)
    append(log, "a")
    assert.isDefined(log.read(0))
    logs.sweep(2 * TIME_MILLIS)
    logs.sweep(4 * TIME_MILLIS)
    assert.isUndefined(logs.find(log.name))
  })

  it.effect(
    "hold at most 64 MiB: of those that nobody reads, the ones left longest go first, an eighth of all at once",
    () =>
      Effect.gen(function* () {
        const logs = eventLogs(0)
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
        const [oldest, ...others] = all as [EventLog, ...Array<EventLog>]
        const reader = yield* read(oldest, 0)
        assert.strictEqual(logs.heldBytes, BOUNDS.totalBytes)
        const more = logs.open(name)
        fill(more)
        assert.isAtMost(logs.heldBytes, BOUNDS.totalBytes)
        assert.isDefined(logs.find(oldest.name))
        const isGone = others.map((log) => logs.find(log.name) === undefined)
        assert.deepStrictEqual(
          isGone,
          others.map((_, index) => index < 9)
        )
        assert.isDefined(logs.find(more.name))
        assert.isFalse(reader.hasEnded())
      })
  )

  it.effect("are not looked through with each event where those that are read have it all", () =>
    Effect.gen(function* () {
      const logs = eventLogs(0)
      for (let i = 0; i < 65; i++) {
        const log = logs.open(name)
        yield* read(log, 0)
        for (let part = 0; part < 4; part++) log.append(MIB.subarray(0, MIB.length / 4))
      }
      assert.isAbove(logs.heldBytes, BOUNDS.totalBytes)
      let sweeps = 0
      const sweep = logs.sweep.bind(logs)
      logs.sweep = (now) => {
        sweeps++
        sweep(now)
      }
      const log = logs.open(name)
      for (let part = 0; part < 100; part++) log.append(MIB.subarray(0, 1000))
      assert.strictEqual(sweeps, 0)
    })
  )

  /** A stream that was read to its end. */
  const ended = (logs: EventLogs, session = name.session) =>
    Effect.gen(function* () {
      const log = logs.open({ ...name, session })
      append(log, "a")
      log.finish()
      yield* read(log, 0)
      return log
    })

  it.effect("are kept of one session to so many that have ended, whatever else of it is open", () =>
    Effect.gen(function* () {
      const logs = eventLogs(0)
      const open = logs.open(name)
      append(open, "a")
      const others = yield* ended(logs, SessionKey.make("other"))
      const first = yield* ended(logs)
      const second = yield* ended(logs)
      for (let more = 2; more < BOUNDS.streamsOfOne; more++) yield* ended(logs)
      assert.isUndefined(logs.find(first.name))
      assert.isDefined(logs.find(second.name))
      yield* ended(logs)
      assert.isUndefined(logs.find(second.name))
      assert.deepStrictEqual(
        [open, others].map((log) => logs.find(log.name) === log),
        [true, true]
      )
    })
  )

  it("are so many that nobody reads, of which those left longest go first", () => {
    const logs = eventLogs(0)
    const all = Array.from({ length: BOUNDS.streams + 2 }, (_, index) =>
      logs.open({ ...name, session: SessionKey.make(String(index)) })
    )
    logs.sweep(0)
    assert.deepStrictEqual(
      all.slice(0, 4).map((log) => logs.find(log.name) === log),
      [false, false, true, true]
    )
  })

  it.effect("that have ended go with their session", () =>
    Effect.gen(function* () {
      const logs = eventLogs(0)
      const [over, others] = [yield* ended(logs), yield* ended(logs, SessionKey.make("other"))]
      const beingRead = logs.open(name)
      const reader = yield* read(beingRead, 0)
      logs.endOf(name.session)
      append(beingRead, "the last word")
      yield* settle
      assert.isUndefined(logs.find(over.name))
      assert.isDefined(logs.find(others.name))
      assert.deepStrictEqual(reader.messages, ["the last word"])
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
