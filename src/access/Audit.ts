/** Who did what: every call, refusal, sign-in and change, recorded without anybody waiting for it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { isoTime } from "../domain/AuditLine.ts"
import type { AuditEvent, AuditRecord } from "../domain/AuditRecord.ts"
import { masking } from "../domain/Masking.ts"
import { logger } from "../observability/Logging.ts"
import { clip } from "./AuditBounds.ts"
import type { AuditSettings } from "./AuditSettings.ts"
import type { Batch, Sink, SinkFailed, Written } from "./AuditSink.ts"
import * as AuditWriter from "./AuditWriter.ts"

const log = logger("access")

/** How the audit trail is doing. */
export interface AuditStatus {
  readonly state: "ok" | "failing" | "off"
  /** Records that are not written yet. */
  readonly waiting: number
  /** Records that will never be in the database, since the start. */
  readonly lost: number
  /** Records that the file of MCP_AUDIT_PATH misses beside those. */
  readonly missed: number
  /** What is wrong; it may name paths. */
  readonly problem?: string
}

export class Audit extends Context.Service<
  Audit,
  {
    /** Records an event. It costs microseconds, waits for nothing and never fails. */
    readonly record: (event: AuditEvent) => Effect.Effect<void>
    /** Are arguments wanted? Those of other events are dropped, and need not be given. */
    readonly keepsArguments: boolean
    readonly status: Effect.Effect<AuditStatus>
  }
>()("mcp-proxy/access/Audit") {}

/** What was recorded in a test. */
export class Recorded extends Context.Service<Recorded, { readonly records: () => ReadonlyArray<AuditRecord> }>()(
  "mcp-proxy/access/Audit/Recorded"
) {}

export interface AuditOptions {
  readonly capacity: number
  readonly arguments: boolean
  readonly mask: ReadonlyArray<string>
}

/** How long records are gathered before they are written; what a SIGKILL may cost. */
const GATHER = Duration.millis(100)

/** No batch is larger, so that none holds up the calls while it is put together. */
const BATCH = 500

/** How long the end waits for what is not written yet. */
const DRAIN = Duration.seconds(5)

const RETRY_MILLIS = [1000, 2000, 4000, 8000, 15_000, 30_000]

/** A record as it is kept. */
const keeper = (options: AuditOptions, clock: Clock.Clock): ((event: AuditEvent) => AuditRecord) => {
  const mask = masking(options.mask)
  return (event) => {
    const record = event.time === undefined ? { ...event, time: clock.currentTimeMillisUnsafe() } : event
    return clip(record as AuditRecord, options.arguments ? mask : undefined)
  }
}

/** The audit trail before a sink. It drains when its scope closes. */
export const make = Effect.fnUntraced(function* (sink: Sink, options: AuditOptions) {
  const clock = yield* Clock.Clock
  const keep = keeper(options, clock)
  const filled = yield* Latch.make(false)
  const closing = yield* Latch.make(false)
  const drained = yield* Latch.make(true)
  let isClosing = false
  let queue: Array<AuditRecord> = []
  let inFlight: ReadonlyArray<AuditRecord> = []
  let lastBatch = 0
  let gap: { readonly since: number; readonly until: number; readonly count: number } | undefined
  let lost = 0
  let missed = 0
  let problem: string | undefined
  let secondProblem: string | undefined

  const lose = (): Effect.Effect<void> => {
    const now = clock.currentTimeMillisUnsafe()
    lost++
    const isFirst = gap === undefined
    gap = { since: gap?.since ?? now, until: now, count: (gap?.count ?? 0) + 1 }
    if (!isFirst) return Effect.void
    return log.warning(
      `${options.capacity} records of the audit trail wait to be written (MCP_AUDIT_QUEUE): further ones are lost, and counted`
    )
  }

  /** Says of a gap, as soon as there is room, what is known of it. */
  const tellGap = Effect.suspend(() => {
    if (gap === undefined) return Effect.void
    const { count, since, until } = gap
    gap = undefined
    const detail = `${count} records were lost, the last at ${isoTime(until)}`
    queue.unshift({ time: since, kind: "gap", outcome: "error", lost: count, millis: until - since, detail })
    return log.warning(`The audit trail has a gap: ${detail}`)
  })

  const failing = (reason: string): Effect.Effect<void> => {
    const isNews = problem === undefined
    problem = reason
    return isNews
      ? log.error(
          `The audit trail cannot be written: ${reason}. Calls go on; up to ${options.capacity} records wait for it (MCP_AUDIT_QUEUE), further ones are lost and counted`
        )
      : Effect.void
  }

  const succeeding = (written: Written): Effect.Effect<void> => {
    const isNews = problem !== undefined
    const second = written.problem !== undefined && secondProblem === undefined ? written.problem : undefined
    const mended = written.problem === undefined && secondProblem !== undefined
    problem = undefined
    secondProblem = written.problem
    missed = written.missed
    return Effect.all(
      [
        isNews ? log.info("The audit trail is written again") : Effect.void,
        mended ? log.info("The file of the audit trail (MCP_AUDIT_PATH) is written again") : Effect.void,
        second === undefined
          ? Effect.void
          : log.error(`The audit trail (MCP_AUDIT_PATH) cannot be written: ${second}. The database has all of it`)
      ],
      { discard: true }
    )
  }

  const pause = (millis: number) => Effect.timeoutOption(closing.await, millis)

  /** Writes a batch, however often it takes. */
  const persist = (batch: Batch, failures = 0): Effect.Effect<void> =>
    sink.write(batch).pipe(
      Effect.flatMap(succeeding),
      Effect.catch((error: SinkFailed) => {
        const wait = RETRY_MILLIS[Math.min(failures, RETRY_MILLIS.length - 1)] ?? 1000
        return failing(error.reason).pipe(
          Effect.andThen(isClosing ? Effect.sleep(200) : pause(wait)),
          Effect.andThen(Effect.suspend(() => persist(batch, failures + 1)))
        )
      })
    )

  const flush = Effect.gen(function* () {
    yield* filled.await
    if (queue.length < BATCH) yield* pause(Duration.toMillis(GATHER))
    inFlight = queue.slice(0, BATCH)
    queue = queue.slice(BATCH)
    yield* persist({ number: ++lastBatch, records: inFlight, now: clock.currentTimeMillisUnsafe() })
    inFlight = []
    yield* tellGap
    if (queue.length > 0) return
    filled.closeUnsafe()
    drained.openUnsafe()
  })

  yield* flush.pipe(Effect.forever, Effect.forkScoped)
  yield* Effect.suspend(() => sink.tend(clock.currentTimeMillisUnsafe())).pipe(
    Effect.catch((error) => failing(error.reason)),
    Effect.repeat(Schedule.spaced("10 minutes")),
    Effect.forkScoped
  )
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      isClosing = true
      closing.openUnsafe()
      const inTime = yield* Effect.timeoutOption(drained.await, DRAIN)
      const unwritten = queue.length + inFlight.length + (gap?.count ?? 0)
      if (inTime._tag === "None") yield* log.error(`${unwritten} records of the audit trail could not be written`)
    })
  )

  return Audit.of({
    keepsArguments: options.arguments,
    record: (event) =>
      Effect.suspend(() => {
        if (queue.length + inFlight.length >= options.capacity) return lose()
        queue.push(keep(event))
        if (queue.length === 1) {
          drained.closeUnsafe()
          filled.openUnsafe()
        }
        return Effect.void
      }),
    status: Effect.sync(() => {
      const wrong = [problem, secondProblem].filter((text) => text !== undefined)
      return {
        state: wrong.length === 0 ? "ok" : "failing",
        waiting: queue.length + inFlight.length,
        lost,
        missed,
        ...(wrong.length === 0 ? {} : { problem: wrong.join("; ") })
      }
    })
  })
})

/** In a database at this path, and where the settings ask for it in a file at `lines`. It cannot fail: that is a status. */
export const layer = (
  settings: AuditSettings,
  paths: { readonly database: string; readonly lines?: string | undefined }
) =>
  Layer.effect(
    Audit,
    Effect.gen(function* () {
      const sink = yield* AuditWriter.make({
        database: paths.database,
        lines: paths.lines,
        retention: { ageMillis: Duration.toMillis(settings.retention), bytes: settings.maxSize }
      })
      return yield* make(sink, { capacity: settings.queue, arguments: settings.arguments, mask: settings.mask })
    })
  )

/** In memory, for tests. */
export const layerMemory = (options: Partial<AuditOptions> = {}): Layer.Layer<Audit | Recorded> =>
  Layer.effectContext(
    Effect.map(Clock.Clock, (clock) => {
      const all = { capacity: Number.MAX_SAFE_INTEGER, arguments: false, mask: [], ...options }
      const keep = keeper(all, clock)
      const records: Array<AuditRecord> = []
      const audit = Audit.of({
        keepsArguments: all.arguments,
        record: (event) => Effect.sync(() => void records.push(keep(event))),
        status: Effect.succeed({ state: "ok", waiting: 0, lost: 0, missed: 0 })
      })
      return Context.make(Audit, audit).pipe(Context.add(Recorded, { records: () => records }))
    })
  )

/** Nowhere. */
export const layerNone: Layer.Layer<Audit> = Layer.succeed(
  Audit,
  Audit.of({
    keepsArguments: false,
    record: () => Effect.void,
    status: Effect.succeed({ state: "off", waiting: 0, lost: 0, missed: 0 })
  })
)
