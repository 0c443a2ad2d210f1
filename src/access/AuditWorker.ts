/** What the audit trail's thread runs: it alone touches the database and the file. */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import type { Packed } from "./AuditPack.ts"

/** How the thread is started. */
export interface Place {
  /** Names this run of the program, so that a batch that is sent twice is kept once. */
  readonly run: string
  readonly database: string
  /** JSON Lines; undefined: none. */
  readonly file: string | undefined
}

export type Request =
  /** Keep these records. Batches are numbered upwards. */
  | { readonly _tag: "Batch"; readonly number: number; readonly records: Packed }
  /** Delete, oldest first, some of what is older than a time (epoch milliseconds) or makes the database too large. */
  | { readonly _tag: "Sweep"; readonly before: number; readonly maxSize: number }

export interface Reply {
  /** Why the database did not take it; the request is to be sent again. */
  readonly fault?: string | undefined
  /** Why the file did not take it; it is kept in the database all the same. */
  readonly fileFault?: string | undefined
  /** Of a sweep: there is more to delete. */
  readonly more?: boolean
}

/**
 * It becomes a thread as text (see AuditThread), wherever this module was bundled into, so that no second file has to lie
 * beside a bundle. Hence it must refer to nothing outside itself, and import nothing but through `process`.
 */
export const work = (): void => {
  const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads")
  const fs = process.getBuiltinModule("node:fs")
  const sqlite = process.getBuiltinModule("node:sqlite")
  const { database: path, file, run } = workerData as Place

  const SCHEMA = `
    -- Of a database that there is already neither changes. Records come by the dozen, and are written a page at a time.
    PRAGMA page_size = 16384;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    -- As many bytes as SQLite waits for with pages of 4 KB.
    PRAGMA wal_autocheckpoint = 250;
    PRAGMA synchronous = FULL;
    PRAGMA journal_size_limit = 4000000;
    CREATE TABLE IF NOT EXISTS records (
      id INTEGER PRIMARY KEY,
      time INTEGER NOT NULL,
      subject TEXT,
      record TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS records_time ON records (time);
    -- Earlier versions made one that no query can use.
    DROP INDEX IF EXISTS records_subject;
    CREATE TABLE IF NOT EXISTS written (one INTEGER PRIMARY KEY CHECK (one = 1), run TEXT NOT NULL, batch INTEGER NOT NULL);
  `
  /** How many records one sweep deletes, so that new ones need not wait long. */
  const SWEPT_AT_ONCE = 5000

  interface Open {
    readonly database: DatabaseSync
    readonly inode: number
    readonly insert: StatementSync
    readonly isWritten: StatementSync
    readonly setWritten: StatementSync
  }
  let open: Open | undefined
  let lines: { readonly descriptor: number; readonly inode: number } | undefined
  /** Records that the file does not have. */
  let missed = 0

  const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

  const inodeOf = (name: string): number | undefined => fs.statSync(name, { throwIfNoEntry: false })?.ino

  const closeDatabase = (): void => {
    const closing = open
    open = undefined
    closing?.database.close()
  }

  /** The database, opened again where it was moved away or gave trouble. */
  const opened = (): Open => {
    if (open !== undefined && inodeOf(path) === open.inode) return open
    closeDatabase()
    // Private from its first moment; SQLite gives the files beside it the same mode.
    fs.closeSync(fs.openSync(path, "a", 0o600))
    fs.chmodSync(path, 0o600)
    const database = new sqlite.DatabaseSync(path, { timeout: 2000 })
    try {
      database.exec(SCHEMA)
      open = {
        database,
        inode: fs.statSync(path).ino,
        insert: database.prepare("INSERT INTO records (time, subject, record) VALUES (?, ?, ?)"),
        isWritten: database.prepare("SELECT 1 FROM written WHERE run = ? AND batch >= ?"),
        setWritten: database.prepare("INSERT OR REPLACE INTO written (one, run, batch) VALUES (1, ?, ?)")
      }
      return open
    } catch (error) {
      database.close()
      throw error
    }
  }

  const transact = (change: (open: Open) => void): void => {
    const { database } = opened()
    try {
      database.exec("BEGIN IMMEDIATE")
      change(opened())
      database.exec("COMMIT")
    } catch (error) {
      // A full disk is found clear of half a transaction when it is tried again.
      closeDatabase()
      throw error
    }
  }

  const textsOf = ({ bytes, ends }: Packed): ReadonlyArray<string> => {
    const { buffer, byteLength, byteOffset } = bytes
    const all = Buffer.from(buffer, byteOffset, byteLength)
    return Array.from(ends, (end, index) => all.toString("utf8", ends[index - 1] ?? 0, end))
  }

  const store = (number: number, { subjects, times, whose }: Packed, texts: ReadonlyArray<string>): void => {
    if (opened().isWritten.get(run, number) !== undefined) return
    transact(({ insert, setWritten }) => {
      for (const [index, text] of texts.entries()) {
        insert.run(Math.trunc(times[index] ?? 0), subjects[whose[index] ?? 0] ?? null, text)
      }
      setWritten.run(run, number)
    })
  }

  const closeLines = (): void => {
    const closing = lines
    lines = undefined
    if (closing !== undefined) fs.closeSync(closing.descriptor)
  }

  /** Appends all or nothing. */
  const append = (name: string, records: ReadonlyArray<string>): string | undefined => {
    const times = records.map((record): { time: number } => JSON.parse(record))
    const from = times[0]?.time ?? 0
    const gap = { time: from, kind: "gap", outcome: "error", lost: missed, detail: "MCP_AUDIT_PATH" }
    // @effect-diagnostics globalDate:off
    const texts = (missed > 0 ? [gap, ...times] : times).map(({ time, ...rest }) =>
      JSON.stringify({ time: new Date(time).toISOString(), ...rest })
    )
    // @effect-diagnostics globalDate:error
    try {
      if (lines !== undefined && inodeOf(name) !== lines.inode) closeLines()
      if (lines === undefined) {
        const descriptor = fs.openSync(name, "a", 0o600)
        lines = { descriptor, inode: fs.fstatSync(descriptor).ino }
      }
      const { descriptor } = lines
      const before = fs.fstatSync(descriptor)
      const bytes = Buffer.from(`${texts.join("\n")}\n`)
      let written = 0
      try {
        while (written < bytes.length) written += fs.writeSync(descriptor, bytes, written)
      } catch (error) {
        if (written > 0 && before.isFile()) fs.ftruncateSync(descriptor, before.size)
        throw error
      }
      missed = 0
      return undefined
    } catch (error) {
      missed += records.length
      closeLines()
      return reason(error)
    }
  }

  const sweep = (before: number, maxSize: number): boolean => {
    const { database } = opened()
    const pragma = (name: string): number => Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])
    const remove = (which: string, ...parameters: ReadonlyArray<number>): number =>
      Number(
        database.prepare(`DELETE FROM records WHERE id IN (SELECT id FROM records ${which})`).run(...parameters).changes
      )
    const old = remove("WHERE time < ? ORDER BY time LIMIT ?", before, SWEPT_AT_ONCE)
    let excess = 0
    if (old === 0) {
      const used = (pragma("page_count") - pragma("freelist_count")) * pragma("page_size")
      const count = Number(database.prepare("SELECT count(*) AS count FROM records").get()?.["count"])
      // As many as take up what is too much, and a little, so that the next ones fit.
      const wanted = used > maxSize ? Math.ceil((count * (used - maxSize * 0.95)) / used) : 0
      excess = wanted > 0 ? remove("ORDER BY time, id LIMIT ?", Math.min(wanted, SWEPT_AT_ONCE)) : 0
    }
    if (old + excess > 0) database.exec("PRAGMA incremental_vacuum")
    return old + excess > 0
  }

  const answer = (request: Request): Reply => {
    const texts = request._tag === "Batch" ? textsOf(request.records) : []
    try {
      if (request._tag === "Sweep") return { more: sweep(request.before, request.maxSize) }
      store(request.number, request.records, texts)
    } catch (error) {
      const fault = reason(error)
      try {
        closeDatabase()
      } catch {
        // It is of no more use either way, and what made it so is what is to be told.
      }
      return { fault }
    }
    return file === undefined ? {} : { fileFault: append(file, texts) }
  }

  // A port of threads knows no origins.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.on("message", (request: Request) => parentPort.postMessage(answer(request)))
}
