/** Reading the audit trail, also while a proxy writes it. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Iterable from "effect/Iterable"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type { DatabaseSync } from "node:sqlite"
import type { AuditRecord, Kind, Outcome } from "../domain/AuditRecord.ts"
import * as Table from "./AuditTable.ts"

/** There is no database, or none that can be read. */
export class AuditUnreadable extends Schema.TaggedError<AuditUnreadable>()("AuditUnreadable", {
  path: Schema.String,
  /** None: there is no such file. */
  reason: Schema.optionalKey(Schema.String)
}) {
  override readonly [Runtime.errorExitCode] = 1
  override get message(): string {
    return this.reason === undefined
      ? `There is no audit trail: ${this.path} does not exist. A proxy makes it when it starts; is MCP_DATA_DIR set as for the proxy?`
      : `The audit trail ${this.path} cannot be read: ${this.reason}`
  }
}

/** Which records are wanted. Texts may contain `*` for any characters; case does not count. */
export interface Query {
  /** E-mail, name or subject. */
  readonly user?: string | undefined
  /** Tool, prompt or resource, as clients see it. */
  readonly target?: string | undefined
  readonly server?: string | undefined
  readonly kind?: Kind | undefined
  readonly outcome?: Outcome | undefined
  /** Epoch milliseconds. */
  readonly since?: number | undefined
  /** The latest so many. */
  readonly limit?: number | undefined
}

const like = (pattern: string): string => pattern.replace(/[\\%_]/gu, "\\$&").replaceAll("*", "%")

type Condition = readonly [sql: string, ...values: Array<string | number>]

const conditions = ({ kind, outcome, server, since, target, user }: Query): ReadonlyArray<Condition> => {
  const matches = (column: string): string => `${column} LIKE ? ESCAPE '\\'`
  return [
    ...(user === undefined
      ? []
      : [[`(${["email", "name", "subject"].map(matches).join(" OR ")})`, like(user), like(user), like(user)] as const]),
    ...(target === undefined ? [] : [[matches("target"), like(target)] as const]),
    ...(server === undefined ? [] : [[matches("server"), like(server)] as const]),
    ...(kind === undefined ? [] : [["kind = ?", kind] as const]),
    ...(outcome === undefined ? [] : [["outcome = ?", outcome] as const]),
    ...(since === undefined ? [] : [["time >= ?", since] as const])
  ]
}

const select = (database: DatabaseSync, query: Query): Iterable<AuditRecord> => {
  const wanted = conditions(query)
  const where = wanted.length === 0 ? "" : `WHERE ${wanted.map(([sql]) => sql).join(" AND ")}`
  const all = `SELECT * FROM records ${where}`
  const values = wanted.flatMap(([, ...rest]) => rest)
  const rows =
    query.limit === undefined
      ? database.prepare(`${all} ORDER BY time, seq`).iterate(...values)
      : database
          .prepare(`SELECT * FROM (${all} ORDER BY time DESC, seq DESC LIMIT ?) ORDER BY time, seq`)
          .iterate(...values, query.limit)
  return Iterable.map(rows, (row) => Table.fromRow(row as Table.Row))
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** The records of the database in this file, oldest first, for as long as the scope lives. */
export const read = Effect.fnUntraced(function* (path: string, query: Query) {
  const fs = yield* FileSystem.FileSystem
  const unreadable = (cause: unknown) => new AuditUnreadable({ path, reason: reasonOf(cause) })
  if (!(yield* Effect.mapError(fs.exists(path), unreadable))) return yield* new AuditUnreadable({ path })
  const { DatabaseSync } = yield* Effect.tryPromise({ try: () => import("node:sqlite"), catch: unreadable })
  const database = yield* Effect.acquireRelease(
    Effect.try({ try: () => new DatabaseSync(path, { readOnly: true, timeout: 5000 }), catch: unreadable }),
    (opened) => Effect.sync(() => opened.close())
  )
  return yield* Effect.try({ try: () => select(database, query), catch: unreadable })
})
