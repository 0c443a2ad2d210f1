/** The audit trail on disk: nothing is lost unsaid, and nothing that it does stops a call. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as AuditReader from "../../src/access/AuditReader.ts"
import { collectingLogs } from "../support/logged.ts"
import { settle } from "../support/settle.ts"
import { temporaryFolder } from "../support/temporary.ts"

import { call, eventually, everything, onDisk, targets, threads, trail } from "../support/auditTrail.ts"

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
