/** The Store, in memory and on SQLite: the same promises, held by the same tests; and what a file adds to them. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as SqliteStore from "../../src/storage/SqliteStore.ts"
import { layerMemory, Store } from "../../src/storage/Store.ts"
import { temporaryFolder } from "../support/temporary.ts"

const layerSqlite = Layer.unwrap(Effect.map(temporaryFolder, (folder) => SqliteStore.layer(join(folder, "state.db"))))

const minute = Duration.minutes(1)
const hour = Duration.hours(1)

const put = (key: string, value: string, table = "t", timeToLive = hour) =>
  Effect.flatMap(Store, (store) => store.put(table, { key, value }, timeToLive))
const get = (key: string, table = "t") => Effect.flatMap(Store, (store) => store.get(table, key))
const take = (key: string, table = "t") => Effect.flatMap(Store, (store) => store.take(table, key))
const remove = (key: string, table = "t") => Effect.flatMap(Store, (store) => store.remove(table, key))
const list = (table = "t") =>
  Effect.flatMap(Store, (store) =>
    Effect.map(store.list(table), (rows) => rows.map(({ key, value }) => [key, value] as const))
  )

describe.each([
  ["in memory", layerMemory],
  ["on SQLite", layerSqlite]
] as const)("the store %s", (_, layer) => {
  const test = (name: string, effect: () => Effect.Effect<void, unknown, Store>) =>
    it.effect(name, () => Effect.provide(effect(), layer))

  test("gives back what was put", () =>
    Effect.gen(function* () {
      yield* put("a", "1")
      yield* put("b", "2")
      assert.deepStrictEqual(yield* get("a"), Option.some("1"))
      assert.deepStrictEqual(yield* get("b"), Option.some("2"))
      assert.deepStrictEqual(yield* get("a"), Option.some("1"))
      assert.deepStrictEqual(yield* get("c"), Option.none())
    }))

  test("gives back any text unchanged, under any key", () =>
    Effect.gen(function* () {
      const texts = [
        "",
        "名前 😀",
        "a\u0000b",
        "\n\r\t'\"\\%_;--",
        "x".repeat(100_000),
        ...fc.sample(fc.string({ unit: "grapheme" }), 30)
      ]
      for (const text of texts) {
        yield* put(text, text)
        yield* put("value", text)
        assert.deepStrictEqual(yield* get(text), Option.some(text), JSON.stringify(text.slice(0, 50)))
        assert.deepStrictEqual(yield* get("value"), Option.some(text))
      }
    }))

  test("keeps the last of several values of a key, and its expiry", () =>
    Effect.gen(function* () {
      yield* put("a", "1")
      yield* put("a", "2", "t", minute)
      assert.deepStrictEqual(yield* get("a"), Option.some("2"))
      assert.deepStrictEqual(yield* list(), [["a", "2"]])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* get("a"), Option.none())
      yield* put("a", "3", "t", minute)
      yield* put("a", "4")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* get("a"), Option.some("4"))
    }))

  test("keeps tables apart", () =>
    Effect.gen(function* () {
      yield* put("a", "1", "one")
      yield* put("a", "2", "two")
      yield* remove("a", "one")
      assert.deepStrictEqual(yield* get("a", "one"), Option.none())
      assert.deepStrictEqual(yield* get("a", "two"), Option.some("2"))
      assert.deepStrictEqual(yield* list("__proto__"), [])
    }))

  test("a row is there until it expires, and not a moment longer", () =>
    Effect.gen(function* () {
      yield* put("a", "1", "t", minute)
      yield* put("b", "2")
      yield* TestClock.adjust("59999 millis")
      assert.deepStrictEqual(yield* get("a"), Option.some("1"))
      assert.deepStrictEqual(yield* list(), [
        ["a", "1"],
        ["b", "2"]
      ])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* get("a"), Option.none())
      assert.deepStrictEqual(yield* take("a"), Option.none())
      assert.deepStrictEqual(yield* list(), [["b", "2"]])
    }))

  test("takes a row once", () =>
    Effect.gen(function* () {
      yield* put("a", "1")
      assert.deepStrictEqual(yield* take("a"), Option.some("1"))
      assert.deepStrictEqual(yield* take("a"), Option.none())
      assert.deepStrictEqual(yield* get("a"), Option.none())
      yield* put("a", "2")
      assert.deepStrictEqual(yield* take("a"), Option.some("2"))
    }))

  test("gives a row to one of many takers", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 5; round++) {
        yield* put("a", "1")
        const taken = yield* Effect.all(
          Array.from({ length: 50 }, () => take("a")),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(taken.filter(Option.isSome).length, 1)
      }
    }))

  test("adds a row where there is none, and leaves one that there is", () =>
    Effect.gen(function* () {
      const add = (key: string, value: string, timeToLive = hour) =>
        Effect.flatMap(Store, (store) => store.add("t", { key, value }, timeToLive))
      assert.isTrue(yield* add("a", "1", minute))
      assert.isFalse(yield* add("a", "2"))
      assert.deepStrictEqual(yield* get("a"), Option.some("1"))
      assert.isTrue(yield* add("b", "3"))
      // Nor does the attempt keep it for longer; once it has expired there is none.
      yield* TestClock.adjust("59999 millis")
      assert.isFalse(yield* add("a", "4"))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* get("a"), Option.none())
      assert.isTrue(yield* add("a", "5"))
      assert.deepStrictEqual(yield* get("a"), Option.some("5"))
      yield* remove("a")
      assert.isTrue(yield* add("a", "6"))
      yield* take("a")
      assert.isTrue(yield* add("a", "7"))
      assert.isTrue(yield* Effect.flatMap(Store, (store) => store.add("other", { key: "a", value: "8" }, hour)))
    }))

  test("adds the row of one of many who come at once", () =>
    Effect.gen(function* () {
      const store = yield* Store
      for (let round = 0; round < 5; round++) {
        const key = `k${round}`
        const added = yield* Effect.all(
          Array.from({ length: 50 }, (_, index) =>
            Effect.map(store.add("t", { key, value: String(index) }, hour), (isFirst) => ({ index, isFirst }))
          ),
          { concurrency: "unbounded" }
        )
        const first = added.filter(({ isFirst }) => isFirst)
        assert.lengthOf(first, 1)
        assert.deepStrictEqual(yield* get(key), Option.some(String(first[0]?.index)))
      }
    }))

  test("removes a row, or none", () =>
    Effect.gen(function* () {
      yield* put("a", "1")
      yield* remove("a")
      yield* remove("a")
      assert.deepStrictEqual(yield* get("a"), Option.none())
      assert.deepStrictEqual(yield* list(), [])
    }))

  test("lists a table's rows by key", () =>
    Effect.gen(function* () {
      for (const key of ["b", "a", "C", "10", "9", "é"]) yield* put(key, `value of ${key}`)
      yield* put("z", "elsewhere", "other")
      assert.deepStrictEqual(
        (yield* list()).map(([key]) => key),
        ["10", "9", "C", "a", "b", "é"]
      )
    }))
})

describe("the store's file", () => {
  const inFile = <A, E>(path: string, effect: Effect.Effect<A, E, Store>) =>
    Effect.provide(effect, Layer.fresh(SqliteStore.layer(path)))

  it.effect("is readable by its owner alone, and so are the files beside it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* inFile(
        join(folder, "state.db"),
        Effect.gen(function* () {
          yield* put("a", "1")
          const files = readdirSync(folder)
          assert.include(files, "state.db")
          for (const file of files) assert.strictEqual(statSync(join(folder, file)).mode & 0o777, 0o600, file)
        })
      )
    })
  )

  it.effect("is made private where it was not", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "state.db")
      writeFileSync(path, "")
      chmodSync(path, 0o644)
      yield* inFile(path, put("a", "1"))
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    })
  )

  it.effect("survives being closed and opened again", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "state.db")
      yield* inFile(
        path,
        Effect.gen(function* () {
          yield* put("a", "1")
          yield* put("b", "2", "t", minute)
          yield* put("c", "3")
          yield* take("c")
        })
      )
      yield* TestClock.adjust("1 minute")
      yield* inFile(
        path,
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* list(), [["a", "1"]])
          assert.deepStrictEqual(yield* take("c"), Option.none())
        })
      )
    })
  )

  it.effect("is shared by two that have it open: a row is taken by one of them", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "state.db")
      yield* inFile(
        path,
        Effect.gen(function* () {
          const mine = yield* Store
          yield* mine.put("t", { key: "a", value: "1" }, hour)
          const both = yield* inFile(
            path,
            Effect.gen(function* () {
              const other = yield* Store
              return yield* Effect.all([mine.take("t", "a"), other.take("t", "a")], { concurrency: "unbounded" })
            })
          )
          assert.strictEqual(both.filter(Option.isSome).length, 1)
        })
      )
    })
  )

  it.effect("is shared by two that have it open: a row is added by one of them", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "state.db")
      const both = yield* inFile(
        path,
        Effect.gen(function* () {
          const mine = yield* Store
          return yield* inFile(
            path,
            Effect.gen(function* () {
              const other = yield* Store
              return yield* Effect.all(
                Array.from({ length: 20 }, (_, index) =>
                  (index % 2 === 0 ? mine : other).add("t", { key: "a", value: "1" }, hour)
                ),
                { concurrency: "unbounded" }
              )
            })
          )
        })
      )
      assert.lengthOf(both.filter(Boolean), 1)
    })
  )

  it.effect("does not grow for ever: expired rows are deleted, at the start and every ten minutes", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "state.db")
      const rows = (): number => {
        const database = new DatabaseSync(path, { readOnly: true })
        const [{ count }] = database.prepare("SELECT COUNT(*) AS count FROM rows").all() as [{ count: number }]
        database.close()
        return count
      }
      yield* inFile(
        path,
        Effect.gen(function* () {
          yield* put("a", "1", "t", minute)
          yield* put("b", "2")
          yield* TestClock.adjust("9 minutes")
          assert.strictEqual(rows(), 2)
          yield* TestClock.adjust("1 minute")
          assert.strictEqual(rows(), 1)
          yield* put("c", "3", "t", minute)
        })
      )
      yield* TestClock.adjust("1 minute")
      yield* inFile(
        path,
        Effect.gen(function* () {
          yield* Effect.yieldNow
          assert.strictEqual(rows(), 1)
        })
      )
    })
  )

  it.effect("that is no database is refused, and left as it is", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "state.db")
      writeFileSync(path, "this is no database, but a text that is long enough to look like one".repeat(20))
      const before = readFileSync(path)
      const error = yield* Effect.flip(inFile(path, put("a", "1")))
      assert.strictEqual(error._tag, "StoreError")
      assert.include(error.message, `open ${path}`)
      assert.deepStrictEqual(readFileSync(path), before)
    })
  )

  it.effect("in a folder that is not there is refused by name, and nothing is made", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "no", "state.db")
      const error = yield* Effect.flip(inFile(path, put("a", "1")))
      assert.include(error.message, path)
      assert.isFalse(existsSync(join(folder, "no")))
    })
  )

  it.effect("that breaks while it is open fails what is asked, by what was asked", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "state.db")
      yield* inFile(
        path,
        Effect.gen(function* () {
          const database = new DatabaseSync(path)
          database.exec("DROP TABLE rows")
          database.close()
          const failed = yield* Effect.flip(get("a", "sessions"))
          assert.strictEqual(failed._tag, "StoreError")
          assert.include(failed.message, "Storage failed to read sessions: ")
        })
      )
    })
  )
})
