/** Who did what: a record of every call, refusal, sign-in and change of the policy. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AuditEvent, AuditRecord } from "../domain/AuditRecord.ts"

/** How the trail itself is doing, for `/ready`. */
export interface AuditStatus {
  /** Records that are not on disk yet. */
  readonly waiting: number
  /** Records that were lost since the start: the queue was full, or the disk would not take them. */
  readonly lost: number
  /** Why the disk takes none at present. */
  readonly fault: string | undefined
}

export class Audit extends Context.Service<
  Audit,
  {
    /** Never fails and never waits for the disk. */
    readonly record: (event: AuditEvent) => Effect.Effect<void>
    /** Arguments as they may be kept; undefined where none are to be, and then they are not asked for. */
    readonly argumentsOf: (value: () => unknown) => unknown
    readonly status: () => AuditStatus
  }
>()("mcp-proxy/access/Audit") {}

/** Nothing is kept. */
export const layerNone: Layer.Layer<Audit> = Layer.succeed(Audit, {
  record: () => Effect.void,
  argumentsOf: () => undefined,
  status: () => ({ waiting: 0, lost: 0, fault: undefined })
})

/** The records are kept in this array, for tests. */
export const layerMemory = (records: Array<AuditRecord>): Layer.Layer<Audit> =>
  Layer.succeed(Audit, {
    record: (event) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        records.push({ ...event, time: event.time ?? now })
      }),
    argumentsOf: (value) => value(),
    status: () => ({ waiting: 0, lost: 0, fault: undefined })
  })
