/** The audit trail before its sink: nobody waits for it, nothing is lost in silence, and what it says of itself is so. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import { MAX_TEXT } from "../../src/access/AuditBounds.ts"
import * as Audit from "../../src/access/Audit.ts"
import type { AuditRecord } from "../../src/domain/AuditRecord.ts"
import { call, testSink } from "../support/auditRecords.ts"
import { collectingLogs } from "../support/logged.ts"

const options = { capacity: 10, arguments: false, mask: ["password"] }

const opened = Effect.gen(function* () {
  const sink = yield* testSink
  return { sink, audit: yield* Audit.make(sink, options) }
})

const targets = (records: ReadonlyArray<AuditRecord>) => records.map(({ kind, target }) => target ?? kind)
const gaps = (records: ReadonlyArray<AuditRecord>) => records.filter(({ kind }) => kind === "gap")

const many = (audit: Audit.Audit["Service"], from: number, to: number) =>
  Effect.forEach(
    Array.from({ length: to - from }, (_, index) => from + index),
    (index) => audit.record(call(String(index))),
    { discard: true }
  )

describe("a record", () => {
  it.effect("is written soon, together with others, in their order", () =>
    Effect.gen(function* () {
      const { audit, sink } = yield* opened
      yield* many(audit, 0, 3)
      assert.strictEqual((yield* audit.status).waiting, 3)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(targets(sink.records()), ["0", "1", "2"])
      assert.strictEqual(sink.batches().length, 1)
      assert.deepStrictEqual(yield* audit.status, { state: "ok", waiting: 0, lost: 0, missed: 0 })
    })
  )

  it.effect("bears the time of what it is about, or of now", () =>
    Effect.gen(function* () {
      const { audit, sink } = yield* opened
      yield* TestClock.adjust("5 seconds")
      yield* audit.record(call("now"))
      yield* audit.record(call("then", { time: 7 }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        sink.records().map(({ time }) => time),
        [5000, 7]
      )
    })
  )

  it.effect("is taken at once, however slow the disk", () =>
    Effect.gen(function* () {
      const { audit, sink } = yield* opened
      yield* sink.stall
      yield* audit.record(call("0"))
      yield* TestClock.adjust("1 minute")
      // Under the test's clock whoever waited would wait for ever.
      yield* many(audit, 1, 100)
      assert.strictEqual(sink.records().length, 0)
      yield* sink.release
    })
  )

  it.effect("is of bounded size, whatever a client calls things", () =>
    Effect.gen(function* () {
      const audit = yield* Audit.Audit
      const { records } = yield* Audit.Recorded
      const long = "x".repeat(1_000_000)
      yield* audit.record(call(long, { method: long, request: long, client: { name: long }, detail: long }))
      assert.isBelow(JSON.stringify(records()).length, 6 * MAX_TEXT)
      assert.match(records()[0]?.target ?? "", /^x+…$/u)
    }).pipe(Effect.provide(Audit.layerMemory()))
  )
})

describe("arguments", () => {
  const args = { user: "ada", password: "s3cr3t" }

  it.effect("are dropped unless they are asked for", () =>
    Effect.gen(function* () {
      yield* (yield* Audit.Audit).record(call("x", { arguments: args }))
      assert.isUndefined((yield* Audit.Recorded).records()[0]?.arguments)
    }).pipe(Effect.provide(Audit.layerMemory()))
  )

  it.effect("are masked", () =>
    Effect.gen(function* () {
      yield* (yield* Audit.Audit).record(call("x", { arguments: args }))
      assert.deepStrictEqual((yield* Audit.Recorded).records()[0]?.arguments, { user: "ada", password: "***" })
    }).pipe(Effect.provide(Audit.layerMemory({ arguments: true, mask: ["password"] })))
  )

  it.effect("that are too large are said to be, and not kept", () =>
    Effect.gen(function* () {
      yield* (yield* Audit.Audit).record(call("x", { arguments: { text: "y".repeat(100_000) } }))
      assert.match(String((yield* Audit.Recorded).records()[0]?.arguments), /too large to be recorded/u)
    }).pipe(Effect.provide(Audit.layerMemory({ arguments: true, mask: [] })))
  )
})

describe("when the queue is full", () => {
  it.effect("further records are lost and counted, and a gap says so as soon as there is room", () =>
    Effect.gen(function* () {
      const { audit, sink } = yield* opened
      yield* sink.stall
      yield* many(audit, 0, 10)
      yield* TestClock.adjust("1 second")
      yield* many(audit, 10, 13)
      yield* TestClock.adjust("2 seconds")
      yield* many(audit, 13, 17)
      assert.deepStrictEqual(yield* audit.status, { state: "ok", waiting: 10, lost: 7, missed: 0 })
      yield* sink.release
      yield* TestClock.adjust("1 second")
      yield* audit.record(call("after"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(targets(sink.records()), [
        ...Array.from({ length: 10 }, (_, index) => String(index)),
        "gap",
        "after"
      ])
      const [gap] = gaps(sink.records())
      assert.deepInclude(gap, { time: 1000, millis: 2000, lost: 7, outcome: "error" })
      assert.match(gap?.detail ?? "", /^7 records were lost, the last at 1970-01-01T00:00:03\.000Z$/u)
      assert.deepStrictEqual(yield* audit.status, { state: "ok", waiting: 0, lost: 7, missed: 0 })
    })
  )

  it.effect("it is logged once, and again with the number when it is over", () =>
    Effect.gen(function* () {
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const { audit, sink } = yield* opened
          yield* sink.stall
          yield* many(audit, 0, 15)
          yield* sink.release
          yield* TestClock.adjust("1 second")
        })
      )
      assert.deepStrictEqual(
        lines.map(({ level, text }) => `${level} ${text.slice(0, 40)}`),
        ["Warn 10 records of the audit trail wait to be", "Warn The audit trail has a gap: 5 records wer"]
      )
    })
  )

  it.effect(
    "what is written and what is counted as lost is all there was, whenever the sink stalls, breaks or works",
    () =>
      Effect.gen(function* () {
        const steps = fc.array(
          fc.oneof(
            fc.record({ do: fc.constant("record" as const), count: fc.integer({ min: 1, max: 12 }) }),
            fc.constantFrom({ do: "stall" as const }, { do: "release" as const }, { do: "break" as const }),
            fc.constant({ do: "mend" as const }),
            fc.record({ do: fc.constant("wait" as const), millis: fc.integer({ min: 1, max: 5000 }) })
          ),
          { maxLength: 25 }
        )
        for (const script of fc.sample(steps, { numRuns: 60, seed: 4 })) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const { audit, sink } = yield* opened
              let made = 0
              for (const step of script) {
                if (step.do === "record") {
                  yield* many(audit, made, made + step.count)
                  made += step.count
                } else if (step.do === "stall") yield* sink.stall
                else if (step.do === "release") yield* sink.release
                else if (step.do === "wait") yield* TestClock.adjust(step.millis)
                else sink.breakDown(step.do === "break" ? "disk full" : undefined)
              }
              sink.breakDown(undefined)
              yield* sink.release
              yield* TestClock.adjust("5 minutes")
              const written = sink.records().filter(({ kind }) => kind === "call")
              const told = gaps(sink.records()).reduce((sum, { lost = 0 }) => sum + lost, 0)
              assert.strictEqual(written.length + told, made)
              assert.strictEqual(new Set(targets(written)).size, written.length)
              const { lost, waiting } = yield* audit.status
              assert.deepStrictEqual({ lost, waiting }, { lost: told, waiting: 0 })
            })
          )
        }
      })
  )
})

describe("a sink that fails", () => {
  it.effect("is said to once, given the same batch again, and said to work again", () =>
    Effect.gen(function* () {
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const { audit, sink } = yield* opened
          yield* TestClock.adjust("1 milli")
          sink.breakDown("/data/audit.db: database or disk is full")
          yield* audit.record(call("0"))
          yield* TestClock.adjust("20 seconds")
          assert.isAbove(sink.attempts(), 3)
          assert.deepStrictEqual(yield* audit.status, {
            state: "failing",
            waiting: 1,
            lost: 0,
            missed: 0,
            problem: "/data/audit.db: database or disk is full"
          })
          yield* audit.record(call("1"))
          sink.breakDown(undefined)
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(targets(sink.records()), ["0", "1"])
          assert.deepStrictEqual(
            sink.batches().map(({ number }) => number),
            [1, 2]
          )
          assert.deepStrictEqual(yield* audit.status, { state: "ok", waiting: 0, lost: 0, missed: 0 })
        })
      )
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Error", "Info"]
      )
      assert.match(
        lines[0]?.text ?? "",
        /cannot be written: \/data\/audit\.db: .*full\. Calls go on; up to 10 records/u
      )
    })
  )

  it.effect("is noticed at the start, before there is anything to write", () =>
    Effect.gen(function* () {
      const sink = yield* testSink
      sink.breakDown("read-only")
      const audit = yield* Audit.make(sink, options)
      yield* TestClock.adjust("1 milli")
      assert.strictEqual((yield* audit.status).state, "failing")
    })
  )
})

describe("at the end", () => {
  const ending = (prepare: (sink: Effect.Success<typeof testSink>) => Effect.Effect<void>) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { audit, sink } = yield* Scope.provide(opened, scope)
      yield* TestClock.adjust("1 milli")
      yield* many(audit, 0, 4)
      yield* prepare(sink)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.join(closing)
      return sink.records().length
    })

  it.effect("what waits is written", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* ending(() => Effect.void), 4)
    })
  )

  it.effect("a sink that fails is tried again", () =>
    Effect.gen(function* () {
      const flaky = (sink: Effect.Success<typeof testSink>) =>
        Effect.sync(() => sink.breakDown("busy")).pipe(
          Effect.andThen(
            Effect.forkDetach(
              Effect.andThen(
                Effect.sleep("1 second"),
                Effect.sync(() => sink.breakDown(undefined))
              )
            )
          ),
          Effect.asVoid
        )
      assert.strictEqual(yield* ending(flaky), 4)
    })
  )

  it.effect("a sink that hangs is not waited for longer than five seconds, and what is lost is said", () =>
    Effect.gen(function* () {
      const [written, lines] = yield* collectingLogs(ending((sink) => sink.stall))
      assert.strictEqual(written, 0)
      assert.strictEqual(lines.at(-1)?.text, "4 records of the audit trail could not be written")
    })
  )
})
