/** Looking into an audit trail, while it is written or not. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { existsSync } from "node:fs"
import { AuditRecord, type Outcome } from "../domain/AuditRecord.ts"

/** What is looked for; what is undefined does not matter. */
export interface Query {
  /** Subject, e-mail or name. */
  readonly user: string | undefined
  /** What was asked for; `*` stands for any text. */
  readonly tool: string | undefined
  readonly server: string | undefined
  readonly outcome: Outcome | undefined
  /** Epoch milliseconds. */
  readonly since: number | undefined
  /** So many at most: the newest; or `ALL`. */
  readonly limit: number
}

/** No limit, as SQLite has it. */
export const ALL = -1

/** There is no trail, or it cannot be read. */
export class AuditUnreadable extends Schema.TaggedError<AuditUnreadable>()("AuditUnreadable", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `No audit trail can be read at ${this.path}: ${this.reason}`
  }
}

const NONE = "there is no such file. Is MCP_DATA_DIR that of the proxy, and has the proxy run with MCP_AUDIT?"

/** `*` for any text, all else for itself. */
const globOf = (pattern: string): string => pattern.replace(/[?[]/gu, "[$&]")

const conditions = ({
  outcome,
  server,
  since,
  tool,
  user
}: Query): ReadonlyArray<readonly [string, string | number]> => [
  ...(since === undefined ? [] : [["time >= :since", since] as const]),
  ...(user === undefined
    ? []
    : [
        [
          `(subject = :user OR lower(record ->> '$.principal.email') = lower(:user)
            OR lower(record ->> '$.principal.name') = lower(:user))`,
          user
        ] as const
      ]),
  ...(tool === undefined ? [] : [["record ->> '$.target' GLOB :tool", globOf(tool)] as const]),
  ...(server === undefined ? [] : [["record ->> '$.server' = :server", server] as const]),
  ...(outcome === undefined ? [] : [["record ->> '$.outcome' = :outcome", outcome] as const])
]

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(AuditRecord))

const unreadable = (path: string) => (error: unknown) =>
  new AuditUnreadable({ path, reason: error instanceof Error ? error.message : String(error) })

/** The records that answer a query, oldest first. */
export const read = Effect.fn("AuditReader.read")(function* (path: string, query: Query) {
  if (!existsSync(path)) return yield* new AuditUnreadable({ path, reason: NONE })
  // Imported here, for older platforms of this program's own launcher lack it.
  const { DatabaseSync } = yield* Effect.promise(() => import("node:sqlite"))
  return yield* Effect.try({
    try: (): ReadonlyArray<AuditRecord> => {
      const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
      try {
        const asked = conditions(query)
        const where = asked.length === 0 ? "" : `WHERE ${asked.map(([condition]) => condition).join(" AND ")}`
        const parameters = asked.map(([condition, value]) => [/:(\w+)/u.exec(condition)?.[1] ?? "", value] as const)
        return database
          .prepare(`SELECT record FROM records ${where} ORDER BY time DESC, id DESC LIMIT :limit`)
          .all({ ...Object.fromEntries(parameters), limit: query.limit })
          .map(({ record }) => decode(record))
          .reverse()
      } finally {
        database.close()
      }
    },
    catch: unreadable(path)
  })
})
