/**
 * The thread that writes the audit trail, so that no call waits for a disk. It runs apart from everything else: from a
 * text inside the bundle, and from this file where the sources are run. So it imports nothing but values and Node.
 */
import { parentPort, workerData } from "node:worker_threads"
import { auditLine } from "../domain/AuditLine.ts"
import type { AuditRecord } from "../domain/AuditRecord.ts"
import { AuditDatabase, type Retention } from "./AuditDatabase.ts"
import { AuditLines } from "./AuditLines.ts"

/** What the thread is started with. */
export interface Assignment {
  readonly database: string
  /** The file of JSON Lines, where one is wanted. */
  readonly lines: string | undefined
  readonly retention: Retention
  /** Names this process, so that a batch that is sent twice is written once. */
  readonly writer: string
  /** The last batch that an earlier thread of this process has seen to, as far as the lines go. */
  readonly appended: number
}

/** An order. Each but the last is answered by one report. */
export type Order =
  | { readonly _tag: "Write"; readonly batch: number; readonly records: string; readonly now: number }
  | { readonly _tag: "Tend"; readonly now: number }
  | { readonly _tag: "Close" }

export interface Report {
  /** Why the database did not take it. */
  readonly problem: string | undefined
  /** The last batch that was appended to the lines; or that they did not take, and then they never get it. */
  readonly appended: number
  /** Why the lines did not take the last batch. */
  readonly linesProblem: string | undefined
  /** How many records the lines miss since the last report. */
  readonly linesMissed: number
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const serve = (assignment: Assignment, report: (report: Report) => void): ((order: Order) => void) => {
  const lines = assignment.lines === undefined ? undefined : new AuditLines(assignment.lines)
  let { appended } = assignment
  let database: AuditDatabase | undefined
  let linesProblem: string | undefined
  /** What the next gap in the lines has to tell of. */
  let gap = 0

  /** The number of records that the lines do not get. */
  const append = (batch: number, records: ReadonlyArray<AuditRecord>, now: number): number => {
    if (lines === undefined || batch <= appended) return 0
    appended = batch
    const lost: AuditRecord = {
      time: now,
      kind: "gap",
      outcome: "error",
      lost: gap,
      detail: "this file could not be written"
    }
    try {
      lines.append((gap === 0 ? records : [lost, ...records]).map(auditLine))
      gap = 0
      linesProblem = undefined
      return 0
    } catch (cause) {
      gap += records.length
      linesProblem = `${assignment.lines}: ${reasonOf(cause)}`
      lines.close()
      return records.length
    }
  }

  const giveUp = (): void => {
    try {
      database?.close()
    } catch {
      // What was wrong with it has been said.
    }
    database = undefined
  }

  /** Opens the database where need be: again after a failure, for what was wrong may have been mended. */
  const attempt = (run: (database: AuditDatabase) => void): string | undefined => {
    try {
      database ??= new AuditDatabase(assignment.database, assignment.writer, assignment.retention)
      run(database)
      return undefined
    } catch (cause) {
      giveUp()
      return `${assignment.database}: ${reasonOf(cause)}`
    }
  }

  return (order) => {
    switch (order._tag) {
      case "Write": {
        const { batch, now } = order
        const records = JSON.parse(order.records) as ReadonlyArray<AuditRecord>
        const linesMissed = append(batch, records, now)
        const problem = attempt((to) => to.write(batch, records, now))
        return report({ problem, appended, linesProblem, linesMissed })
      }
      case "Tend":
        return report({ problem: attempt((to) => to.tend(order.now)), appended, linesProblem, linesMissed: 0 })
      case "Close":
        giveUp()
        lines?.close()
        return parentPort?.close()
    }
  }
}

parentPort?.on(
  "message",
  serve(workerData as Assignment, (report) => parentPort?.postMessage(report))
)
