/** The database of the audit trail, as the thread that writes it has it. Everything here blocks, and throws. */
import { chmodSync, closeSync, openSync } from "node:fs"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import type { AuditRecord } from "../domain/AuditRecord.ts"
import * as Table from "./AuditTable.ts"

const SETUP = `
  PRAGMA busy_timeout = 5000;
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA journal_size_limit = 16777216;
  ${Table.CREATE}
  CREATE TABLE IF NOT EXISTS writers (id TEXT PRIMARY KEY, batch INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
`

/** Of the oldest records, how many go at once: readers and other writers wait no longer than that takes. */
const CHUNK = 2000

/** Where there is too much, it is brought down to this share, so that not every batch has to make room. */
const ENOUGH = 0.9

/** When nobody can send a batch of a writer's again. */
const FORGOTTEN_MILLIS = 86_400_000

export interface Retention {
  readonly ageMillis: number
  readonly bytes: number
}

export class AuditDatabase {
  private readonly database: DatabaseSync
  private readonly insert: StatementSync
  private readonly remember: StatementSync
  private readonly last: StatementSync
  private readonly writer: string
  private readonly retention: Retention

  /** Opens or makes the file, for its owner alone. `writer` names who sends batches, as nobody else is named. */
  constructor(path: string, writer: string, retention: Retention) {
    this.writer = writer
    this.retention = retention
    closeSync(openSync(path, "a", 0o600))
    chmodSync(path, 0o600)
    this.database = new DatabaseSync(path)
    try {
      this.database.exec(SETUP)
      const layout = this.pragma("user_version")
      if (layout > Table.LAYOUT) throw new Error("it was written by a newer version of this program")
      this.database.exec(`PRAGMA user_version = ${Table.LAYOUT}`)
      this.insert = this.database.prepare(Table.INSERT)
      this.remember = this.database.prepare("INSERT OR REPLACE INTO writers (id, batch, at) VALUES (?, ?, ?)")
      this.last = this.database.prepare("SELECT batch FROM writers WHERE id = ?")
    } catch (cause) {
      this.database.close()
      throw cause
    }
  }

  /** Writes a batch whole or not at all. One that was written before, but never acknowledged, is not written twice. */
  write(batch: number, records: ReadonlyArray<AuditRecord>, now: number): void {
    this.transaction(() => {
      const { batch: written = 0 } = (this.last.get(this.writer) ?? {}) as { readonly batch?: number }
      if (batch <= written) return
      for (const record of records) this.insert.run(...Table.toRow(record))
      this.remember.run(this.writer, batch, now)
    })
    this.makeRoom()
  }

  /** Lets go of what is too old, and of the oldest of what is too much. */
  tend(now: number): void {
    this.database.prepare("DELETE FROM writers WHERE at < ?").run(now - FORGOTTEN_MILLIS)
    const old = this.database.prepare(
      "DELETE FROM records WHERE seq IN (SELECT seq FROM records WHERE time < ? ORDER BY time LIMIT ?)"
    )
    while (Number(old.run(now - this.retention.ageMillis, CHUNK).changes) === CHUNK);
    this.makeRoom()
    this.database.exec("PRAGMA incremental_vacuum")
  }

  close(): void {
    this.database.close()
  }

  /** The bytes that records take; free pages, which the next records take first, do not count. */
  private get size(): number {
    return (this.pragma("page_count") - this.pragma("freelist_count")) * this.pragma("page_size")
  }

  private makeRoom(): void {
    if (this.size <= this.retention.bytes) return
    const oldest = this.database.prepare(
      "DELETE FROM records WHERE seq IN (SELECT seq FROM records ORDER BY time, seq LIMIT ?)"
    )
    while (this.size > this.retention.bytes * ENOUGH && Number(oldest.run(CHUNK).changes) > 0);
    this.database.exec("PRAGMA incremental_vacuum")
  }

  private transaction(run: () => void): void {
    this.database.exec("BEGIN IMMEDIATE")
    try {
      run()
      this.database.exec("COMMIT")
    } catch (cause) {
      // A full disk may have rolled it back already.
      if (this.database.isTransaction) this.database.exec("ROLLBACK")
      throw cause
    }
  }

  private pragma(name: string): number {
    const [value] = Object.values(this.database.prepare(`PRAGMA ${name}`).get() ?? {})
    return Number(value)
  }
}
