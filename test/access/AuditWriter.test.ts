/** The thread that writes the audit trail: it dies and nothing is lost or written twice, and it ends with its scope. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Worker } from "node:worker_threads"
import * as Audit from "../../src/access/Audit.ts"
import * as AuditReader from "../../src/access/AuditReader.ts"
import type { AuditSettings } from "../../src/access/AuditSettings.ts"
import { call } from "../support/auditRecords.ts"
import { collectingLogs } from "../support/logged.ts"
import { temporaryFolder } from "../support/temporary.ts"

const settings: AuditSettings = {
  arguments: false,
  mask: [],
  path: Option.none(),
  retention: Duration.days(90),
  maxSize: 1e9,
  queue: 10_000
}

/** The threads that are started meanwhile. */
const threads = Effect.acquireRelease(
  Effect.sync(() => {
    const started: Array<Worker> = []
    const listener = (worker: Worker): void => void started.push(worker)
    process.on("worker", listener)
    return { started, listener }
  }),
  ({ listener }) => Effect.sync(() => void process.off("worker", listener))
).pipe(Effect.map(({ started }) => started))

const read = (path: string) =>
  AuditReader.read(path, {}).pipe(
    Effect.map((records) => [...records].map(({ kind, target }) => target ?? kind)),
    Effect.scoped,
    Effect.provide(NodeServices.layer)
  )

const until = (holds: (status: Audit.AuditStatus) => boolean) =>
  Effect.gen(function* () {
    const audit = yield* Audit.Audit
    while (!holds(yield* audit.status)) yield* Effect.sleep(10)
  }).pipe(Effect.timeout("20 seconds"))

const written = until(({ waiting }) => waiting === 0)

const record = (target: string) => Effect.flatMap(Audit.Audit, (audit) => audit.record(call(target)))

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index))

describe("the thread", () => {
  it.live("ends with its scope, having written everything", () =>
    Effect.gen(function* () {
      const started = yield* threads
      const database = join(yield* temporaryFolder, "audit.db")
      yield* Effect.forEach(numbers(2000), record).pipe(Effect.provide(Audit.layer(settings, { database })))
      assert.strictEqual(started.length, 1)
      assert.strictEqual(started[0]?.threadId, -1, "it has ended")
      assert.isFalse(existsSync(`${database}-wal`), "the database was closed in order")
      assert.deepStrictEqual(yield* read(database), numbers(2000))
    })
  )

  it.live("that dies is said to have died, and another writes what was not acknowledged, once", () =>
    Effect.gen(function* () {
      const started = yield* threads
      const folder = yield* temporaryFolder
      const paths = { database: join(folder, "audit.db"), lines: join(folder, "audit.jsonl") }
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          for (let round = 0; round < 5; round++) {
            for (let index = 0; index < 400; index++) yield* record(String(round * 400 + index))
            while (started.length <= round) yield* Effect.sleep(10)
            // Before it writes, in the middle, or after it: whatever the machine makes of it.
            yield* Effect.sleep(round * 40)
            yield* Effect.promise(async () => started[round]?.terminate())
          }
          yield* written
        }).pipe(Effect.provide(Audit.layer(settings, paths)))
      )
      assert.isAtLeast(started.length, 5)
      assert.isAtLeast(lines.filter(({ text }) => text.includes("thread that writes the audit trail ended")).length, 5)
      assert.deepStrictEqual((yield* read(paths.database)).sort(), numbers(2000).sort())
      const appended = readFileSync(paths.lines, "utf8").trim().split("\n")
      assert.strictEqual(new Set(appended.map((line) => (JSON.parse(line) as { target: string }).target)).size, 2000)
    })
  )
})

describe("a database that cannot be written", () => {
  it.live("is said to be, calls go on, the lost are counted, and all is well once it is mended", () =>
    Effect.gen(function* () {
      const database = join(yield* temporaryFolder, "audit.db")
      mkdirSync(database)
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const audit = yield* Audit.Audit
          yield* until(({ state }) => state === "failing")
          for (const target of numbers(15)) yield* record(target)
          const status = yield* audit.status
          assert.deepInclude(status, { state: "failing", waiting: 10, lost: 5 })
          assert.include(status.problem, `${database}: EISDIR`)
          rmSync(database, { recursive: true })
          yield* until(({ state, waiting }) => state === "ok" && waiting === 0)
        }).pipe(Effect.provide(Audit.layer({ ...settings, queue: 10 }, { database })))
      )
      assert.deepStrictEqual((yield* read(database)).sort(), [...numbers(10), "gap"])
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Error", "Warn", "Info", "Warn"]
      )
    })
  )

  it.live("because another holds it is tried again", () =>
    Effect.gen(function* () {
      const database = join(yield* temporaryFolder, "audit.db")
      yield* Effect.gen(function* () {
        yield* Effect.andThen(record("a"), written)
        const other = new DatabaseSync(database)
        other.exec("BEGIN IMMEDIATE")
        yield* record("b")
        yield* until(({ state }) => state === "failing")
        other.exec("ROLLBACK")
        other.close()
        yield* until(({ state, waiting }) => state === "ok" && waiting === 0)
      }).pipe(Effect.provide(Audit.layer(settings, { database })))
      assert.deepStrictEqual(yield* read(database), ["a", "b"])
    })
  )
})

describe("a file of lines that cannot be written", () => {
  it.live("holds up nothing; what it misses is counted, and a gap in it says how many", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const paths = { database: join(folder, "audit.db"), lines: join(folder, "logs", "audit.jsonl") }
      yield* Effect.gen(function* () {
        const audit = yield* Audit.Audit
        for (const target of numbers(3)) yield* record(target)
        yield* written
        const status = yield* audit.status
        assert.deepInclude(status, { state: "failing", lost: 0, missed: 3 })
        assert.include(status.problem, `${paths.lines}: ENOENT`)
        mkdirSync(join(folder, "logs"))
        yield* Effect.andThen(record("3"), written)
        assert.deepStrictEqual(yield* audit.status, { state: "ok", waiting: 0, lost: 0, missed: 3 })
        renameSync(paths.lines, `${paths.lines}.1`)
        yield* Effect.andThen(record("4"), written)
      }).pipe(Effect.provide(Audit.layer(settings, paths)))
      assert.deepStrictEqual(yield* read(paths.database), numbers(5))
      const lines = (path: string) =>
        readFileSync(path, "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as { kind: string; lost?: number; target?: string })
      const [gap, third] = lines(`${paths.lines}.1`)
      assert.deepInclude(gap, { kind: "gap", lost: 3 })
      assert.strictEqual(third?.target, "3")
      assert.deepStrictEqual(
        lines(paths.lines).map(({ target }) => target),
        ["4"]
      )
    })
  )
})
