/** The database of the audit trail: whole batches, once, for as long as they are to be kept. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { AuditDatabase, type Retention } from "../../src/access/AuditDatabase.ts"
import * as AuditReader from "../../src/access/AuditReader.ts"
import { AuditRecord, KINDS, OUTCOMES } from "../../src/domain/AuditRecord.ts"
import { recorded } from "../support/auditRecords.ts"
import { temporaryFolder } from "../support/temporary.ts"

const FOREVER: Retention = { ageMillis: 1e12, bytes: 1e12 }

const open = (path: string, retention = FOREVER, writer = "me") =>
  Effect.acquireRelease(
    Effect.sync(() => new AuditDatabase(path, writer, retention)),
    (database) => Effect.sync(() => database.close())
  )

const newPath = Effect.map(temporaryFolder, (folder) => join(folder, "audit.db"))

const read = (path: string, query: AuditReader.Query = {}) =>
  AuditReader.read(path, query).pipe(
    Effect.map((records) => [...records]),
    Effect.scoped,
    Effect.provide(NodeServices.layer)
  )

const targets = (records: ReadonlyArray<AuditRecord>) => records.map(({ target }) => target)

const text = fc.string({ unit: "grapheme" })
const count = fc.maxSafeNat()

const anyRecord: fc.Arbitrary<AuditRecord> = fc.record(
  {
    time: count,
    kind: fc.constantFrom(...KINDS),
    outcome: fc.constantFrom(...OUTCOMES),
    principal: fc.record({ subject: text, name: text, email: text }, { requiredKeys: ["subject"] }),
    // A client of which nothing is known is none.
    client: fc.record({ id: text, name: text, version: text }, { requiredKeys: ["name"] }),
    session: text,
    server: text,
    method: text,
    target: text,
    code: fc.integer(),
    millis: count,
    bytesIn: count,
    bytesOut: count,
    request: fc.oneof(text, fc.integer(), fc.constant(1.5)),
    arguments: fc.jsonValue(),
    detail: text,
    lost: count
  },
  { requiredKeys: ["time", "kind", "outcome"] }
)

describe("a record", () => {
  it.effect("comes back as it was written", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const database = yield* open(path)
      const records = fc
        .sample(anyRecord, { numRuns: 300, seed: 1 })
        .map((record, time) => Object.assign(record, { time }))
      database.write(1, records, 0)
      const plain = (all: ReadonlyArray<AuditRecord>) => JSON.parse(JSON.stringify(all)) as unknown
      assert.deepStrictEqual(plain(yield* read(path)), plain(records))
    })
  )

  it("is what its Schema says", () => {
    for (const record of fc.sample(anyRecord, 100)) assert.isTrue(Schema.is(AuditRecord)(record))
  })
})

describe("a batch", () => {
  it.effect("that is given twice is written once, also to another thread of the same process", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const first = yield* open(path)
      first.write(1, [recorded(1, "a")], 0)
      first.write(1, [recorded(1, "a")], 0)
      const second = yield* open(path)
      second.write(1, [recorded(1, "a")], 0)
      second.write(2, [recorded(2, "b")], 0)
      assert.deepStrictEqual(targets(yield* read(path)), ["a", "b"])
    })
  )

  it.effect("of another process is another one", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const mine = yield* open(path)
      const other = yield* open(path, FOREVER, "other")
      mine.write(1, [recorded(1, "a")], 0)
      other.write(1, [recorded(2, "b")], 0)
      assert.deepStrictEqual(targets(yield* read(path)), ["a", "b"])
    })
  )

  it.effect("is written whole or not at all", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const database = yield* open(path)
      const unfit = { ...recorded(2, "b"), target: {} as string }
      assert.throws(() => database.write(1, [recorded(1, "a"), unfit], 0))
      assert.deepStrictEqual(yield* read(path), [])
      database.write(1, [recorded(1, "a")], 0)
      assert.deepStrictEqual(targets(yield* read(path)), ["a"])
    })
  )
})

describe("retention", () => {
  it.effect("lets go of what is too old, and of nothing else", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const database = yield* open(path, { ageMillis: 1000, bytes: 1e12 })
      const records = Array.from({ length: 5000 }, (_, time) => recorded(time, String(time)))
      database.write(1, records, 0)
      database.tend(4000)
      assert.deepStrictEqual(
        targets(yield* read(path)),
        Array.from({ length: 2000 }, (_, index) => String(3000 + index))
      )
    })
  )

  it.effect("keeps the database at its size, the oldest records going first", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const bytes = 2_000_000
      const database = yield* open(path, { ageMillis: 1e12, bytes })
      for (let batch = 1; batch <= 100; batch++) {
        const records = Array.from({ length: 200 }, (_, index) =>
          recorded(batch * 200 + index, String(batch * 200 + index), { detail: "x".repeat(300) })
        )
        database.write(batch, records, 0)
        assert.isBelow(statSync(path).size, bytes * 1.2)
      }
      const kept = targets(yield* read(path)).map(Number)
      assert.isAbove(kept.length, 1000)
      const first = kept[0] ?? 0
      assert.deepStrictEqual(
        kept,
        Array.from({ length: 20_200 - first }, (_, index) => first + index)
      )
    })
  )
})

describe("the file", () => {
  it.effect("is readable by its owner alone, and so are the files beside it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "audit.db")
      writeFileSync(path, "")
      chmodSync(path, 0o644)
      const database = yield* open(path)
      database.write(1, [recorded(1, "a")], 0)
      for (const file of readdirSync(folder)) assert.strictEqual(statSync(join(folder, file)).mode & 0o777, 0o600, file)
    })
  )

  it.effect("of a newer version, or that is no database, is left alone", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const newer = join(folder, "newer.db")
      const database = new DatabaseSync(newer)
      database.exec("PRAGMA user_version = 99")
      database.close()
      assert.throws(() => new AuditDatabase(newer, "me", FOREVER), /written by a newer version/u)
      const other = join(folder, "other.db")
      writeFileSync(other, "hello ".repeat(1000))
      assert.throws(() => new AuditDatabase(other, "me", FOREVER), /not a database/u)
      mkdirSync(join(folder, "folder.db"))
      assert.throws(() => new AuditDatabase(join(folder, "folder.db"), "me", FOREVER), /EISDIR/u)
    })
  )
})

describe("reading", () => {
  const ada = { subject: "google:1", name: "Ada", email: "ada@example.com" }
  const bob = { subject: "google:2", name: "Bob_50%", email: "bob@example.org" }

  const filled = Effect.gen(function* () {
    const path = yield* newPath
    const database = yield* open(path)
    database.write(
      1,
      [
        recorded(3000, "fs_read", { principal: bob, server: "fs" }),
        recorded(1000, "fs_read", { principal: ada, server: "fs" }),
        recorded(2000, "git_log", { principal: ada, server: "git", outcome: "denied", kind: "refusal" }),
        recorded(4000, "fs_write", { server: "fs", outcome: "error" })
      ],
      0
    )
    return path
  })

  it.effect.each([
    [{}, [1000, 2000, 3000, 4000]],
    [{ user: "ada@example.com" }, [1000, 2000]],
    [{ user: "ADA" }, [1000, 2000]],
    [{ user: "google:2" }, [3000]],
    [{ user: "*@example.org" }, [3000]],
    [{ user: "bob_5_%" }, []],
    [{ user: "bob_50%" }, [3000]],
    [{ target: "fs_*" }, [1000, 3000, 4000]],
    [{ target: "fs" }, []],
    [{ server: "git" }, [2000]],
    [{ kind: "refusal" as const }, [2000]],
    [{ outcome: "error" as const }, [4000]],
    [{ since: 3000 }, [3000, 4000]],
    [{ limit: 2 }, [3000, 4000]],
    [{ target: "fs_*", limit: 2, user: "*" }, [1000, 3000]],
    [{ target: "' OR 1=1 --" }, []]
  ] satisfies ReadonlyArray<readonly [AuditReader.Query, ReadonlyArray<number>]>)(
    "%o finds what is asked for, oldest first",
    ([query, times]) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(
          (yield* read(yield* filled, query)).map(({ time }) => time),
          times
        )
      })
  )

  it.effect("where there is no database says which one, and why there may be none", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const error = yield* Effect.flip(read(path))
      assert.include(error.message, `${path} does not exist`)
      assert.include(error.message, "MCP_DATA_DIR")
    })
  )

  it.effect("where it is none says so", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      writeFileSync(path, "hello ".repeat(1000))
      assert.match((yield* Effect.flip(read(path))).message, /cannot be read: file is not a database/u)
    })
  )
})
