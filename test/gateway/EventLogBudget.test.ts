/** What streams hold is counted towards the bytes of the whole process; where there is no room, somebody's stream ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { ByteBudget, Holding } from "../../src/domain/ByteBudget.ts"
import type { EventLog } from "../../src/gateway/EventLog.ts"
import { append, eventLogs, MIB, name, read, stream } from "../support/eventLog.ts"
import { settle } from "../support/settle.ts"

const bytes = (size: number): Uint8Array => new Uint8Array(size)

/** The streams of a process that may hold so much. */
const within = (limit: number) => {
  const buffers = new ByteBudget(limit)
  const logs = eventLogs(0, buffers)
  buffers.onShortage((missing) => logs.spare(missing))
  return { buffers, logs }
}

/** A reader that takes the first of what it is given, and nothing more. */
const stuck = Effect.fnUntraced(function* (log: EventLog, buffers: ByteBudget) {
  const onItsWay = new Holding(buffers)
  const fiber = yield* Effect.forkScoped(
    Effect.ensuring(
      Stream.runForEach(stream(log, 0, onItsWay), () => Effect.never),
      Effect.sync(() => onItsWay.release())
    )
  )
  yield* settle
  return { leave: Effect.andThen(Fiber.interrupt(fiber), settle), hasEnded: () => fiber.pollUnsafe() !== undefined }
})

describe("what a stream holds", () => {
  it.effect("counts, and what is on its way to a reader counts once more until it is sent", () =>
    Effect.gen(function* () {
      const { buffers, logs } = within(1000)
      const log = logs.open(name)
      log.append(bytes(100))
      assert.strictEqual(buffers.taken, 100)
      const slow = yield* stuck(log, buffers)
      assert.strictEqual(buffers.taken, 200)
      yield* slow.leave
      assert.strictEqual(buffers.taken, 100)
      yield* read(log, 0, buffers)
      assert.strictEqual(buffers.taken, 100, "a reader that has taken it all has none on its way")
      logs.drop(log)
      assert.strictEqual(buffers.taken, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("counts once where nobody can come back for it, so that there is room for it on its way", () =>
    Effect.gen(function* () {
      const { buffers, logs } = within(1000)
      const log = logs.open(name, undefined, false)
      log.append(bytes(600))
      const slow = yield* stuck(log, buffers)
      assert.isFalse(slow.hasEnded())
      assert.strictEqual(buffers.taken, 600)
      log.append(bytes(300))
      assert.strictEqual(buffers.taken, 900)
      yield* slow.leave
      logs.drop(log)
      assert.strictEqual(buffers.taken, 0)
      const other = logs.open(name, undefined, false)
      for (let i = 0; i < 5; i++) other.append(bytes(100))
      assert.deepStrictEqual((yield* read(other, 0, buffers)).sequences, [1, 2, 3, 4, 5])
    }).pipe(Effect.scoped)
  )

  it.effect("is handed over in portions, so that little is on its way at a time", () =>
    Effect.gen(function* () {
      const { buffers, logs } = within(10 * MIB.length)
      const log = logs.open(name)
      for (let i = 0; i < 40; i++) log.append(bytes(100 * 1024))
      const all = yield* read(log, 0, buffers)
      assert.strictEqual(all.sequences.length, 40)
      const other = logs.open(name)
      for (let i = 0; i < 10; i++) other.append(bytes(100 * 1024))
      const held = buffers.taken
      yield* stuck(other, buffers)
      assert.isAtMost(buffers.taken - held, 400 * 1024)
    }).pipe(Effect.scoped)
  )
})

describe("where there is no room", () => {
  it.effect("what nobody reads any more goes first, longest left first, and no more than is needed", () =>
    Effect.gen(function* () {
      const { buffers, logs } = within(1000)
      const all: Array<EventLog> = []
      for (const since of [1, 2, 3]) {
        logs.sweep(since)
        const log = logs.open(name)
        log.append(bytes(300))
        const reader = yield* read(log, 0, buffers)
        yield* reader.stop
        all.push(log)
      }
      assert.isTrue(buffers.take(200))
      assert.deepStrictEqual(
        all.map((log) => logs.find(log.name) !== undefined),
        [false, true, true]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("one that was opened a moment ago, and will be read, is left", () =>
    Effect.gen(function* () {
      const { buffers, logs } = within(2000)
      const log = logs.open(name)
      log.append(bytes(900))
      assert.isFalse(buffers.take(1200))
      assert.deepStrictEqual((yield* read(log, 0, buffers)).sequences, [1])
    }).pipe(Effect.scoped)
  )

  it.effect("for an event, the reader that is furthest behind loses its stream, and the event is told", () =>
    Effect.gen(function* () {
      const { buffers, logs } = within(6 * MIB.length)
      const [slow, slower, other] = [logs.open(name), logs.open(name), logs.open(name)]
      append(slow, "x")
      append(slower, "x")
      const readers = [yield* stuck(slow, buffers), yield* stuck(slower, buffers)]
      slow.append(bytes(2 * MIB.length))
      slower.append(bytes(3 * MIB.length))
      const reader = yield* read(other, 0, buffers)
      other.append(bytes(MIB.length / 4))
      other.append(bytes(MIB.length))
      yield* settle
      assert.deepStrictEqual(reader.sequences, [1, 2])
      assert.isUndefined(slower.read(1), "what it had not been given is gone, and that can be known")
      assert.isDefined(slow.read(1))
      assert.isAtMost(buffers.taken, buffers.limit)
      yield* Effect.forEach(readers, ({ leave }) => leave)
    }).pipe(Effect.scoped)
  )

  it.effect("where nobody is far behind, the event is lost, and its reader's connection ends", () =>
    Effect.gen(function* () {
      const { buffers, logs } = within(1000)
      const others = new Holding(buffers)
      const log = logs.open(name)
      append(log, "first")
      const reader = yield* read(log, 0, buffers)
      others.add(990)
      append(log, "second")
      yield* settle
      assert.deepStrictEqual([reader.messages, reader.hasEnded()], [["first"], true])
      assert.isUndefined(log.read(1), "there is something after it that cannot be had any more")
      others.release()
      append(log, "third")
      assert.isUndefined(log.read(1))
      assert.deepStrictEqual((yield* read(log, 2, buffers)).messages, ["third"])
    }).pipe(Effect.scoped)
  )

  it.effect("to hand over a copy, the connection ends, and nothing is lost for when it is taken up again", () =>
    Effect.gen(function* () {
      const { buffers, logs } = within(1000)
      const log = logs.open(name)
      log.append(bytes(600))
      const reader = yield* read(log, 0, buffers)
      assert.deepStrictEqual([reader.sequences, reader.hasEnded()], [[], true])
      assert.strictEqual(buffers.taken, 600)
    }).pipe(Effect.scoped)
  )

  it.effect("all that is taken is given back, and never more taken than there is", () => {
    const operation = fc.record({
      which: fc.nat(3),
      what: fc.constantFrom("append", "append", "read", "stuck", "leave", "finish", "drop", "elsewhere"),
      size: fc.nat(400)
    })
    const run = Effect.fnUntraced(function* (
      operations: ReadonlyArray<typeof operation extends fc.Arbitrary<infer A> ? A : never>
    ) {
      const { buffers, logs } = within(1000)
      const others = new Holding(buffers)
      const all = Array.from({ length: 4 }, () => logs.open(name))
      const readers: Array<Effect.Effect<void>> = []
      let hours = 0
      for (const { size, what, which } of operations) {
        const log = all[which]
        if (log === undefined) continue
        logs.sweep(++hours)
        if (what === "append") log.append(bytes(size))
        else if (what === "finish") log.finish()
        else if (what === "drop") logs.drop(log)
        else if (what === "elsewhere") others.become(size)
        else if (what === "leave") yield* readers.pop() ?? Effect.void
        else if (log.read(0) !== undefined) {
          readers.push(what === "read" ? (yield* read(log, 0, buffers)).stop : (yield* stuck(log, buffers)).leave)
        }
        yield* settle
        assert.isAtMost(buffers.taken, buffers.limit)
        assert.isAtLeast(buffers.taken, logs.heldBytes)
      }
      for (const leave of readers) yield* leave
      for (const log of all) logs.drop(log)
      others.release()
      assert.deepStrictEqual([buffers.taken, logs.streams.total], [0, 0])
    })
    return Effect.forEach(fc.sample(fc.array(operation, { maxLength: 40, size: "max" }), 60), (one) =>
      Effect.scoped(run(one))
    )
  })
})
