/** Records to write, and sinks that do as they are told. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { type Batch, type Sink, SinkFailed } from "../../src/access/AuditSink.ts"
import type { AuditEvent, AuditRecord } from "../../src/domain/AuditRecord.ts"

export const call = (target: string, more: Partial<AuditRecord> = {}): AuditEvent => ({
  kind: "call",
  outcome: "ok",
  method: "tools/call",
  target,
  ...more
})

/** The same with its time. */
export const recorded = (time: number, target: string, more: Partial<AuditRecord> = {}): AuditRecord => ({
  ...call(target, more),
  time
})

export interface TestSink extends Sink {
  /** What has arrived, in order. */
  readonly records: () => ReadonlyArray<AuditRecord>
  readonly batches: () => ReadonlyArray<Batch>
  /** From now on it takes a batch and does not come back, like a disk that hangs; until it is released. */
  readonly stall: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  /** From now on it fails with this; with undefined it works again. */
  readonly breakDown: (reason: string | undefined) => void
  /** How often it was asked to write. */
  readonly attempts: () => number
}

export const testSink: Effect.Effect<TestSink> = Effect.gen(function* () {
  const open = yield* Latch.make(true)
  const batches: Array<Batch> = []
  let broken: string | undefined
  let attempts = 0
  return {
    records: () => batches.flatMap(({ records }) => records),
    batches: () => batches,
    stall: Effect.asVoid(open.close),
    release: Effect.asVoid(open.open),
    breakDown: (reason) => {
      broken = reason
    },
    attempts: () => attempts,
    tend: () => (broken === undefined ? Effect.void : Effect.fail(new SinkFailed({ reason: broken }))),
    write: (batch) =>
      Effect.andThen(
        open.await,
        Effect.suspend(() => {
          attempts++
          if (broken !== undefined) return Effect.fail(new SinkFailed({ reason: broken }))
          batches.push(batch)
          return Effect.succeed({ missed: 0 })
        })
      )
  }
})
