/** What audit records were packed as. */
import type { Packed } from "../../src/access/AuditPack.ts"
import type { AuditRecord } from "../../src/domain/AuditRecord.ts"

/** The JSON of each. */
export const jsonOf = ({ bytes, ends }: Packed): ReadonlyArray<string> =>
  Array.from(ends, (end, index) => Buffer.from(bytes.subarray(ends[index - 1] ?? 0, end)).toString())

/** Each as it was recorded. */
export const recordsOf = (packed: Packed): ReadonlyArray<AuditRecord> =>
  jsonOf(packed).map((json) => JSON.parse(json) as AuditRecord)
