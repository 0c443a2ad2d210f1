/** The Store on SQLite: one file, private to its owner. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { chmodSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"
import { Store, StoreError } from "./Store.ts"

const log = logger("storage")

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
  CREATE TABLE IF NOT EXISTS rows (
    tbl TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tbl, key)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS rows_expiry ON rows (expires_at);
`

const attempt = <A>(operation: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({
    try: run,
    catch: (cause) => new StoreError({ operation, reason: cause instanceof Error ? cause.message : String(cause) })
  })

const REMEDY = "Restore it from a backup, or move it away: then everybody has to sign in again"

/** What SQLite calls a file that is none of its, and one that is damaged. */
const SPOILT = new Set([11, 26])

const isSpoilt = (cause: unknown): boolean => SPOILT.has((cause as { readonly errcode?: number }).errcode ?? 0)

/** Damage is found now, and not in the middle of somebody's sign-in. */
const checked = (database: DatabaseSync): DatabaseSync => {
  const found = database.prepare("PRAGMA quick_check(1)").get() as { readonly quick_check?: string } | undefined
  if (found?.quick_check !== "ok") throw new Error(`it is damaged. ${REMEDY}`)
  return database
}

const openChecked = (database: DatabaseSync, path: string): DatabaseSync => {
  try {
    chmodSync(path, 0o600)
    database.exec(SCHEMA)
    return checked(database)
  } catch (cause) {
    database.close()
    throw isSpoilt(cause) ? new Error(`${(cause as Error).message}. ${REMEDY}`) : cause
  }
}

const open = (path: string) =>
  // node:sqlite is imported here, for older platforms of this program's own launcher lack it.
  Effect.tryPromise({
    try: () => import("node:sqlite"),
    catch: (cause) => new StoreError({ operation: `open ${path}`, reason: String(cause) })
  }).pipe(
    Effect.flatMap(({ DatabaseSync }) => attempt(`open ${path}`, () => openChecked(new DatabaseSync(path), path)))
  )

const value = (row: unknown): Option.Option<string> =>
  Option.map(Option.fromNullishOr(row as { readonly value: string } | undefined), ({ value }) => value)

const make = (database: DatabaseSync): Store["Service"] => {
  const put = database.prepare("INSERT OR REPLACE INTO rows (tbl, key, value, expires_at) VALUES (?, ?, ?, ?)")
  const add = database.prepare(
    `INSERT INTO rows (tbl, key, value, expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at WHERE rows.expires_at <= ?`
  )
  const get = database.prepare("SELECT value FROM rows WHERE tbl = ? AND key = ? AND expires_at > ?")
  const take = database.prepare("DELETE FROM rows WHERE tbl = ? AND key = ? RETURNING value, expires_at")
  const remove = database.prepare("DELETE FROM rows WHERE tbl = ? AND key = ?")
  const list = database.prepare("SELECT key, value FROM rows WHERE tbl = ? AND expires_at > ? ORDER BY key")
  return Store.of({
    put: (table, row, timeToLive) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        attempt(`write to ${table}`, () => {
          put.run(table, row.key, row.value, now + Duration.toMillis(timeToLive))
        })
      ),
    add: (table, row, timeToLive) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        attempt(
          `write to ${table}`,
          () => add.run(table, row.key, row.value, now + Duration.toMillis(timeToLive), now).changes === 1
        )
      ),
    get: (table, key) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => attempt(`read ${table}`, () => value(get.get(table, key, now)))),
    take: (table, key) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        attempt(`take from ${table}`, () =>
          Option.map(
            Option.filter(
              Option.fromNullishOr(take.get(table, key) as { value: string; expires_at: number } | undefined),
              (row) => row.expires_at > now
            ),
            (row) => row.value
          )
        )
      ),
    remove: (table, key) =>
      attempt(`remove from ${table}`, () => {
        remove.run(table, key)
      }),
    list: (table) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        attempt(`list ${table}`, () => list.all(table, now) as unknown as ReadonlyArray<{ key: string; value: string }>)
      )
  })
}

/** The store in this file. Expired rows are deleted every ten minutes. */
export const layer = (path: string): Layer.Layer<Store, StoreError> =>
  Layer.effect(
    Store,
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(open(path), (opened) => Effect.sync(() => opened.close()))
      const sweep = Effect.flatMap(Clock.currentTimeMillis, (now) =>
        attempt("delete expired rows", () => database.prepare("DELETE FROM rows WHERE expires_at <= ?").run(now))
      )
      yield* Vital.fork(
        "The sweep over expired rows",
        // A disk that is full now need not be so in ten minutes.
        Effect.repeat(
          Effect.catch(sweep, (error) => log.warning(error.message)),
          Schedule.spaced("10 minutes")
        )
      )
      return make(database)
    })
  )
