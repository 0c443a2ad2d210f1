/** A record of the audit trail as a line of JSON. Every call has one. */
import type { AuditRecord } from "../domain/AuditRecord.ts"
import * as Json from "../domain/Json.ts"
import { rememberingOf } from "../domain/Remembering.ts"

/** Who it was, and with which program, is the same object in all records of theirs. */
const ofMany = rememberingOf((value: object) => JSON.stringify(value))

const encodeMember = (key: string, value: unknown): string | undefined => {
  if (typeof value === "string") return Json.quote(value)
  if (typeof value === "number" && Number.isFinite(value)) return String(value)
  const isShared = (key === "principal" || key === "client") && typeof value === "object" && value !== null
  return isShared ? ofMany(value) : JSON.stringify(value)
}

/** What `JSON.stringify` makes of it, for less. */
export const encode = (record: AuditRecord): string => {
  let text = ""
  for (const key of Object.keys(record) as ReadonlyArray<keyof AuditRecord>) {
    const member = encodeMember(key, record[key])
    if (member !== undefined) text += `${text === "" ? "{" : ","}"${key}":${member}`
  }
  return `${text}}`
}
