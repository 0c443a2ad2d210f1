/** A record as one line of JSON. Apart from the record's Schema, for the thread that writes has no use for one. */
import type { AuditRecord } from "./AuditRecord.ts"

/** Epoch milliseconds as `2026-11-24T10:00:00.000Z`. */
// Effect's DateTime would come along into the thread, for one call.
// @effect-diagnostics-next-line globalDate:off
export const isoTime = (millis: number): string => new Date(millis).toISOString()

/** The record, its time spelled out for people and for what reads logs; without the line's end. */
export const auditLine = ({ time, ...rest }: AuditRecord): string => JSON.stringify({ time: isoTime(time), ...rest })
