/** How records stand in the database: one row each, a column for whatever one may ask by. */
import type { AuditRecord } from "../domain/AuditRecord.ts"

/** The layout that this program writes, kept as the database's `user_version`. */
export const LAYOUT = 1

export type Value = string | number | null

/** Column, its type, and what of a record stands in it. */
const COLUMNS = [
  ["time", "INTEGER NOT NULL", ({ time }) => time],
  ["kind", "TEXT NOT NULL", ({ kind }) => kind],
  ["outcome", "TEXT NOT NULL", ({ outcome }) => outcome],
  ["subject", "TEXT", ({ principal }) => principal?.subject],
  ["name", "TEXT", ({ principal }) => principal?.name],
  ["email", "TEXT", ({ principal }) => principal?.email],
  ["client_id", "TEXT", ({ client }) => client?.id],
  ["client_name", "TEXT", ({ client }) => client?.name],
  ["client_version", "TEXT", ({ client }) => client?.version],
  ["session", "TEXT", ({ session }) => session],
  ["server", "TEXT", ({ server }) => server],
  ["method", "TEXT", ({ method }) => method],
  ["target", "TEXT", ({ target }) => target],
  ["code", "INTEGER", ({ code }) => code],
  ["millis", "INTEGER", ({ millis }) => millis],
  ["bytes_in", "INTEGER", ({ bytesIn }) => bytesIn],
  ["bytes_out", "INTEGER", ({ bytesOut }) => bytesOut],
  // As the client gave it: a text or a number.
  ["request", "BLOB", ({ request }) => request],
  ["arguments", "TEXT", (record) => (record.arguments === undefined ? undefined : JSON.stringify(record.arguments))],
  ["detail", "TEXT", ({ detail }) => detail],
  ["lost", "INTEGER", ({ lost }) => lost]
] as const satisfies ReadonlyArray<readonly [string, string, (record: AuditRecord) => string | number | undefined]>

type Column = (typeof COLUMNS)[number][0]

export const CREATE = `
  CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY,
    ${COLUMNS.map(([name, type]) => `${name} ${type}`).join(",\n    ")}
  );
  CREATE INDEX IF NOT EXISTS records_time ON records (time);
`

export const INSERT = `INSERT INTO records (${COLUMNS.map(([name]) => name).join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})`

/** What `INSERT` takes. */
export const toRow = (record: AuditRecord): Array<Value> => COLUMNS.map(([, , get]) => get(record) ?? null)

/** A row as SQLite gives it. */
export type Row = Readonly<Record<Column, Value>>

const text = (value: Value): string | undefined => (value === null ? undefined : String(value))
const number = (value: Value): number | undefined => (value === null ? undefined : Number(value))

/** The record of a row. Rows are this program's own: kinds and outcomes are taken at their word. */
export const fromRow = (row: Row): AuditRecord => ({
  time: Number(row.time),
  kind: row.kind as AuditRecord["kind"],
  outcome: row.outcome as AuditRecord["outcome"],
  principal:
    row.subject === null ? undefined : { subject: String(row.subject), name: text(row.name), email: text(row.email) },
  client:
    row.client_id === null && row.client_name === null && row.client_version === null
      ? undefined
      : { id: text(row.client_id), name: text(row.client_name), version: text(row.client_version) },
  session: text(row.session),
  server: text(row.server),
  method: text(row.method),
  target: text(row.target),
  code: number(row.code),
  millis: number(row.millis),
  bytesIn: number(row.bytes_in),
  bytesOut: number(row.bytes_out),
  request: row.request ?? undefined,
  arguments: row.arguments === null ? undefined : JSON.parse(String(row.arguments)),
  detail: text(row.detail),
  lost: number(row.lost)
})
