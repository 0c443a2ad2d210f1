/** The audit trail on disk: nothing is lost unsaid, and nothing that it does stops a call. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Audit } from "../../src/access/Audit.ts"
import * as AuditReader from "../../src/access/AuditReader.ts"
import { AuditThread, type Start, ThreadDied } from "../../src/access/AuditThread.ts"
import * as AuditTrail from "../../src/access/AuditTrail.ts"
import type { Reply, Request } from "../../src/access/AuditWorker.ts"
import type { AuditEvent, AuditRecord } from "../../src/domain/AuditRecord.ts"
import { collectingLogs } from "../support/logged.ts"
import { recordsOf } from "../support/packed.ts"
import { settle } from "../support/settle.ts"
import { temporaryFolder } from "../support/temporary.ts"

type Kept = AuditTrail.Options["settings"]

const settings: Kept = {
  enabled: true,
  arguments: false,
  mask: ["token"],
  path: Option.none(),
  retention: Duration.days(90),
  maxSize: 1_000_000_000
}

/** A trail for as long as the scope lives. */
const trail = (database: string, changes: Partial<Kept> = {}) =>
  Effect.map(Layer.build(AuditTrail.layer({ database, settings: { ...settings, ...changes } })), (context) =>
    Context.get(context, Audit)
  )

const call = (target: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  kind: "call",
  outcome: "ok",
  target,
  ...more
})

const everything: AuditReader.Query = {
  user: undefined,
  tool: undefined,
  server: undefined,
  outcome: undefined,
  since: undefined,
  limit: 1_000_000
}

const targets = (records: ReadonlyArray<AuditRecord>) => records.map(({ target }) => target)

/** Waits until it holds, looking every 20 ms. */
const eventually = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.sleep(20), eventually(holds)))).pipe(
    Effect.timeoutOrElse({ duration: "20 seconds", orElse: () => Effect.die(new Error(`still not: ${holds}`)) })
  )

const onDisk = (audit: Audit["Service"]) => eventually(() => audit.status().waiting === 0)

/** Threads that do what the test says, and everything that they were asked. */
const threads = (reply: (request: Request) => Effect.Effect<Reply>) => {
  const asked: Array<Request> = []
  const ends: Array<Deferred.Deferred<never, ThreadDied>> = []
  const start: Start = () =>
    Effect.sync(() => {
      const end = Deferred.makeUnsafe<never, ThreadDied>()
      ends.push(end)
      return {
        ask: (request) =>
          Effect.suspend(() => {
            asked.push(request)
            return reply(request)
          }),
        died: Deferred.await(end)
      }
    })
  const kill = Effect.suspend(() => Deferred.fail(ends.at(-1)!, new ThreadDied({ reason: "shot" })))
  const batches = () => asked.flatMap((request) => (request._tag === "Batch" ? [request] : []))
  const written = (): ReadonlyArray<AuditRecord> => batches().flatMap(({ records }) => recordsOf(records))
  return { asked, batches, written, kill, lives: () => ends.length, layer: Layer.succeed(AuditThread, start) }
}

describe("the trail on disk", () => {
  it.live("keeps what was recorded, in order, in a file of its owner's", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      const audit = yield* trail(path)
      const who = { subject: "google:1", name: "Ada", email: "ada@example.com" }
      yield* audit.record(call("first", { principal: who, millis: 1.5, time: 1000 }))
      yield* audit.record(call("second"))
      yield* onDisk(audit)
      const records = yield* AuditReader.read(path, everything)
      assert.deepStrictEqual(records[0], {
        kind: "call",
        outcome: "ok",
        target: "first",
        principal: who,
        millis: 1.5,
        time: 1000
      })
      assert.deepStrictEqual(targets(records), ["first", "second"])
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      assert.strictEqual(statSync(`${path}-wal`).mode & 0o777, 0o600)
    })
  )

  it.live("has at the end all that was recorded just before it", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      yield* Effect.scoped(
        Effect.flatMap(trail(path), (audit) =>
          Effect.forEach(Array.from({ length: 3000 }), (_, index) => audit.record(call(`t${index}`)), { discard: true })
        )
      )
      const records = yield* AuditReader.read(path, everything)
      assert.deepStrictEqual(
        targets(records),
        Array.from({ length: 3000 }, (_, index) => `t${index}`)
      )
    })
  )

  it.live("goes on where its database was moved away", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      const audit = yield* trail(path)
      yield* audit.record(call("before"))
      yield* onDisk(audit)
      renameSync(path, `${path}.old`)
      renameSync(`${path}-wal`, `${path}.old-wal`)
      renameSync(`${path}-shm`, `${path}.old-shm`)
      yield* audit.record(call("after"))
      yield* onDisk(audit)
      assert.deepStrictEqual(targets(yield* AuditReader.read(path, everything)), ["after"])
    })
  )

  it.live("cuts what clients make too long", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      const audit = yield* trail(path)
      yield* audit.record(call("x".repeat(5000), { request: 7, client: { name: "y".repeat(2000), version: "1" } }))
      yield* onDisk(audit)
      const [record] = yield* AuditReader.read(path, everything)
      assert.strictEqual(record?.target?.length, 1025)
      assert.strictEqual(record?.client?.name?.length, 1025)
      assert.deepStrictEqual([record?.client?.version, record?.request], ["1", 7])
    })
  )
})

describe("arguments", () => {
  it.live("are kept only where they are asked for, without secrets and up to a length", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const silent = yield* trail(join(folder, "a.db"))
      assert.isUndefined(silent.argumentsOf(() => ({ a: 1 })))
      const asked = yield* trail(join(folder, "b.db"), { arguments: true })
      assert.deepStrictEqual(
        asked.argumentsOf(() => ({ a: 1, b: [{ Access_Token: "s" }] })),
        {
          a: 1,
          b: [{ Access_Token: "***" }]
        }
      )
      assert.strictEqual(
        asked.argumentsOf(() => ({ a: "x".repeat(20_000) })),
        "… 20008 characters"
      )
      assert.isUndefined(asked.argumentsOf(() => undefined))
    })
  )
})

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

describe("what is too old, or too much", () => {
  it.live("goes at the start, and the rest stays", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      const day = 86_400_000
      const now = Date.now()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const audit = yield* trail(path)
          for (let index = 0; index < 6000; index++) yield* audit.record(call("old", { time: now - 91 * day }))
          yield* audit.record(call("young", { time: now - 89 * day }))
        })
      )
      const records = () =>
        new DatabaseSync(path, { readOnly: true }).prepare("SELECT count(*) AS n FROM records").get()
      assert.deepInclude(records(), { n: 6001 })
      yield* trail(path)
      yield* eventually(() => records()?.["n"] === 1)
      assert.deepStrictEqual(targets(yield* AuditReader.read(path, everything)), ["young"])
    })
  )

  it.live("is the oldest, where the database is too large, and its file shrinks", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const audit = yield* trail(path)
          const detail = "x".repeat(1000)
          for (let index = 0; index < 3000; index++) yield* audit.record(call(String(index), { detail }))
        })
      )
      assert.isAbove(statSync(path).size, 3_000_000)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const audit = yield* trail(path, { maxSize: 1_000_000 })
          yield* audit.record(call("last"))
          yield* onDisk(audit)
        })
      )
      assert.isBelow(statSync(path).size, 1_000_000)
      const left = targets(yield* AuditReader.read(path, everything))
      assert.strictEqual(left.at(-1), "last")
      assert.isAbove(left.length, 500)
      assert.deepStrictEqual(
        left.slice(0, -1),
        Array.from({ length: left.length - 1 }, (_, index) => String(3001 - left.length + index))
      )
    })
  )

  it.effect("is looked for every hour", () =>
    Effect.gen(function* () {
      const { asked, layer } = threads(() => Effect.succeed({}))
      yield* Effect.gen(function* () {
        yield* trail("nowhere")
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual(asked.length, 1)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(asked[1], { _tag: "Sweep", before: -89 * 86_400_000 - 23 * 3_600_000, maxSize: 1e9 })
      }).pipe(Effect.scoped, Effect.provide(layer))
    })
  )
})

const linesOf = (path: string): ReadonlyArray<Record<string, unknown>> =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))

describe("MCP_AUDIT_PATH", () => {
  it.live("has each record as a line, and a new file where the old one was moved away", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = join(folder, "trail.jsonl")
      const audit = yield* trail(join(folder, "audit.db"), { path: Option.some(file) })
      yield* audit.record(call("one", { time: 0 }))
      yield* audit.record(call("two\n", { time: 1 }))
      yield* onDisk(audit)
      renameSync(file, `${file}.1`)
      yield* audit.record(call("three", { time: 2 }))
      yield* onDisk(audit)
      assert.deepStrictEqual(linesOf(`${file}.1`), [
        { time: "1970-01-01T00:00:00.000Z", kind: "call", outcome: "ok", target: "one" },
        { time: "1970-01-01T00:00:00.001Z", kind: "call", outcome: "ok", target: "two\n" }
      ])
      assert.deepStrictEqual(
        linesOf(file).map(({ target }) => target),
        ["three"]
      )
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    })
  )

  it.live("that cannot be written is a fault that the database does not share, and says later what it lacks", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "audit.db")
      const file = join(folder, "there", "trail.jsonl")
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const audit = yield* trail(path, { path: Option.some(file) })
          for (const target of ["a", "b"]) {
            yield* audit.record(call(target))
            yield* onDisk(audit)
          }
          assert.include(audit.status().fault, "ENOENT")
          mkdirSync(join(folder, "there"))
          yield* audit.record(call("c"))
          yield* onDisk(audit)
          assert.isUndefined(audit.status().fault)
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual(targets(yield* AuditReader.read(path, everything)), ["a", "b", "c"])
      assert.deepInclude(linesOf(file)[0], { kind: "gap", lost: 2 })
      assert.deepInclude(linesOf(file)[1], { target: "c" })
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Error", "Info"],
        "once each"
      )
      assert.include(lines[0]?.text, "MCP_AUDIT_PATH")
    })
  )

  it.live.skipIf(!existsSync("/dev/full"))("on a disk that is full keeps nothing back from the database", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const audit = yield* trail(path, { path: Option.some("/dev/full") })
          yield* audit.record(call("a"))
          yield* onDisk(audit)
          assert.include(audit.status().fault, "ENOSPC")
        }).pipe(Effect.scoped)
      )
      assert.strictEqual(lines.length, 1)
      assert.deepStrictEqual(targets(yield* AuditReader.read(path, everything)), ["a"])
    })
  )
})

describe("a database that cannot be written", () => {
  it.live("is one line of the log, and everything is written once it can be", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      mkdirSync(path)
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const audit = yield* trail(path)
          yield* audit.record(call("a"))
          yield* eventually(() => audit.status().fault !== undefined)
          yield* audit.record(call("b"))
          yield* Effect.sleep("1500 millis")
          assert.strictEqual(audit.status().waiting, 2)
          rmdirSync(path)
          yield* onDisk(audit)
          assert.isUndefined(audit.status().fault)
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual(targets(yield* AuditReader.read(path, everything)), ["a", "b"])
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Error", "Info"]
      )
      assert.include(lines[0]?.text, path)
    })
  )

  it.live("because somebody else holds it is waited for", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "audit.db")
      const audit = yield* trail(path)
      yield* audit.record(call("a"))
      yield* onDisk(audit)
      const other = new DatabaseSync(path)
      other.exec("BEGIN IMMEDIATE")
      yield* audit.record(call("b"))
      yield* eventually(() => audit.status().fault?.includes("locked") === true)
      other.exec("ROLLBACK")
      other.close()
      yield* onDisk(audit)
      assert.deepStrictEqual(targets(yield* AuditReader.read(path, everything)), ["a", "b"])
    })
  )

  it.effect("for its disk is full loses what finds no room meanwhile, and counts it", () =>
    Effect.gen(function* () {
      let isFull = true
      const { layer, written } = threads((request) =>
        Effect.sync(() => (isFull && request._tag === "Batch" ? { fault: "database or disk is full" } : {}))
      )
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const audit = yield* trail("nowhere")
          for (let index = 0; index < 10_005; index++) yield* audit.record(call("x"))
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual(audit.status(), { waiting: 10_001, lost: 5, fault: "database or disk is full" })
          isFull = false
          yield* TestClock.adjust("1 second")
          yield* settle
          // The note of those that were lost is the first of the next batch.
          yield* TestClock.adjust("100 millis")
          assert.deepStrictEqual(audit.status(), { waiting: 0, lost: 5, fault: undefined })
          assert.deepInclude(written().at(-1), { kind: "gap", lost: 5 })
        }).pipe(Effect.scoped, Effect.provide(layer))
      )
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Error", "Info"]
      )
      assert.include(lines[1]?.text, "5 records were lost")
    })
  )
})
