/** Where the records of the audit trail go. */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AuditRecord } from "../domain/AuditRecord.ts"

/** Records written together. A batch that is given again has the same number. */
export interface Batch {
  readonly number: number
  readonly records: ReadonlyArray<AuditRecord>
  readonly now: number
}

/** A batch, or an errand, that was not done; it may be tried again. */
export class SinkFailed extends Schema.TaggedError<SinkFailed>()("SinkFailed", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/** What is said of a batch that was written. */
export interface Written {
  /** Why a second place, which is not tried again, did not take it. */
  readonly problem?: string | undefined
  /** How many records that place misses by now. */
  readonly missed: number
}

/** Once `write` succeeds, the records outlive the process. */
export interface Sink {
  readonly write: (batch: Batch) => Effect.Effect<Written, SinkFailed>
  /** Lets go of what need not be kept any longer. */
  readonly tend: (now: number) => Effect.Effect<void, SinkFailed>
}
