/** The thread that writes the audit trail: one that is slow or dies costs no call anything, and no record unsaid. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { join } from "node:path"
import * as AuditReader from "../../src/access/AuditReader.ts"
import { AuditThread, type Start, ThreadDied } from "../../src/access/AuditThread.ts"
import type { Request } from "../../src/access/AuditWorker.ts"
import { collectingLogs } from "../support/logged.ts"
import { settle } from "../support/settle.ts"
import { temporaryFolder } from "../support/temporary.ts"

import { call, everything, onDisk, targets, threads, trail } from "../support/auditTrail.ts"

describe("a thread that cannot keep up", () => {
  it.effect("costs records, whose number stands where they would have", () =>
    Effect.gen(function* () {
      const gate = Latch.makeUnsafe(false)
      const { batches, layer, written } = threads((request) =>
        request._tag === "Batch" ? Effect.as(gate.await, {}) : Effect.succeed({})
      )
      yield* Effect.gen(function* () {
        const audit = yield* trail("nowhere")
        for (let index = 0; index < 10_000; index++) yield* audit.record(call(`t${index}`))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(batches().length, 1, "the first batch is under way")
        for (let index = 0; index < 40; index++) yield* audit.record(call("lost"))
        yield* TestClock.adjust("2 seconds")
        for (let index = 0; index < 2; index++) yield* audit.record(call("lost"))
        assert.deepStrictEqual(audit.status(), { waiting: 10_001, lost: 42, fault: undefined })
        yield* gate.open
        yield* settle
        yield* TestClock.adjust("1 second")
        yield* audit.record(call("late"))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(audit.status(), { waiting: 0, lost: 42, fault: undefined })
        const all = written()
        assert.strictEqual(all.length, 10_002)
        assert.deepInclude(all[10_000], { kind: "gap", lost: 42, time: 1000, millis: 2000 })
        assert.strictEqual(all[10_001]?.target, "late")
        assert.isTrue(batches().every(({ records }) => records.ends.length <= 500))
      }).pipe(Effect.scoped, Effect.provide(layer))
    })
  )

  it.effect(
    "writes what comes in a tenth of a second together, under load too, for each batch waits for the disk",
    () =>
      Effect.gen(function* () {
        const { batches, layer } = threads((request) =>
          request._tag === "Batch" ? Effect.as(Effect.sleep("5 millis"), {}) : Effect.succeed({})
        )
        yield* Effect.gen(function* () {
          const audit = yield* trail("nowhere")
          for (let round = 0; round < 100; round++) {
            for (let each = 0; each < 4; each++) yield* audit.record(call(`${round}`))
            yield* TestClock.adjust("10 millis")
          }
          yield* TestClock.adjust("1 second")
          assert.strictEqual(audit.status().waiting, 0)
          assert.isBelow(batches().length, 12)
          for (let each = 0; each < 5000; each++) yield* audit.record(call("many"))
          yield* TestClock.adjust("200 millis")
          assert.strictEqual(audit.status().waiting, 0, "full batches need not be waited for")
        }).pipe(Effect.scoped, Effect.provide(layer))
      })
  )

  it.effect("is waited for at the end, but not for ever", () =>
    Effect.gen(function* () {
      const { layer } = threads((request) => (request._tag === "Batch" ? Effect.never : Effect.succeed({})))
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const audit = yield* Scope.provide(trail("nowhere"), scope)
          for (let index = 0; index < 3; index++) yield* audit.record(call("x"))
          const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
          yield* settle
          yield* TestClock.adjust("4 seconds")
          assert.isUndefined(closing.pollUnsafe())
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(closing)
        }).pipe(Effect.provide(layer))
      )
      assert.deepStrictEqual(
        lines.map(({ text }) => text),
        ["3 audit records could not be written and are lost"]
      )
    })
  )
})

describe("a thread that dies", () => {
  it.effect("is followed by another, which is given what the first did not confirm", () =>
    Effect.gen(function* () {
      const gate = Latch.makeUnsafe(false)
      const { batches, kill, layer, lives } = threads((request) =>
        request._tag === "Batch" ? Effect.as(gate.await, {}) : Effect.succeed({})
      )
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const audit = yield* trail("nowhere")
          yield* audit.record(call("a"))
          yield* TestClock.adjust("1 second")
          yield* kill
          yield* settle
          yield* audit.record(call("b"))
          yield* TestClock.adjust("199 millis")
          assert.strictEqual(lives(), 1, "not at once")
          yield* TestClock.adjust("1 millis")
          assert.strictEqual(lives(), 2)
          yield* gate.open
          yield* TestClock.adjust("1 second")
          assert.strictEqual(audit.status().waiting, 0)
          const [first, again, next] = batches()
          assert.deepStrictEqual(again, first)
          assert.strictEqual(next?.number, 2)
          assert.strictEqual(next?.records.ends.length, 1)
        }).pipe(Effect.scoped, Effect.provide(layer))
      )
      assert.deepStrictEqual(
        lines.map(({ level, text }) => [level, text]),
        [["Error", "The thread that writes the audit trail died and is started again: shot"]]
      )
    })
  )

  it.live("leaves nothing twice that it wrote and could not confirm", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      const real = yield* AuditThread
      let lives = 0
      /** The first one dies with its first batch written. */
      const start: Start = (place) =>
        Effect.map(real(place), (thread) => {
          const end = Deferred.makeUnsafe<never, ThreadDied>()
          if (++lives > 1) return thread
          const ask = (request: Request) =>
            Effect.tap(thread.ask(request), () =>
              request._tag === "Batch"
                ? Effect.andThen(Deferred.fail(end, new ThreadDied({ reason: "shot" })), Effect.never)
                : Effect.void
            )
          return { ask, died: Deferred.await(end) }
        })
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const audit = yield* trail(path)
          yield* audit.record(call("a"))
          yield* audit.record(call("b"))
          yield* onDisk(audit)
        }).pipe(Effect.scoped, Effect.provideService(AuditThread, start))
      )
      assert.deepStrictEqual([lives, lines.length], [2, 1])
      assert.deepStrictEqual(targets(yield* AuditReader.read(path, everything)), ["a", "b"])
    })
  )

  it.live("is noticed", () =>
    Effect.gen(function* () {
      const start = yield* AuditThread
      // Without a place it has nothing to do, and throws.
      const thread = yield* start(undefined as never)
      const { reason } = yield* Effect.flip(thread.died)
      assert.include(reason, "undefined")
    })
  )
})
