/** The audit trail on disk. Callers put records into a bounded queue; a thread writes them, in batches. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { randomUUID } from "node:crypto"
import type { AuditEvent, AuditRecord } from "../domain/AuditRecord.ts"
import { masking } from "../domain/Masking.ts"
import { logger } from "../observability/Logging.ts"
import { expose } from "../observability/Metrics.ts"
import * as Vital from "../observability/Vital.ts"
import type { Values } from "../settings/Settings.ts"
import { Audit } from "./Audit.ts"
import { Backlog } from "./AuditBacklog.ts"
import * as AuditMetrics from "./AuditMetrics.ts"
import { Pack } from "./AuditPack.ts"
import type { settings } from "./AuditSettings.ts"
import { AuditThread, type Thread } from "./AuditThread.ts"
import type { Reply } from "./AuditWorker.ts"

const log = logger("access")

/** How long records are collected before they are written together. */
const COLLECT = Duration.millis(100)
const RETRY = Duration.seconds(1)
const SWEEP = Duration.hours(1)
/** How long the end of the program waits for what is not on disk yet. */
const DRAIN = Duration.seconds(5)
/** Arguments whose JSON is longer than this are not kept. */
const MAX_ARGUMENTS = 16_384

export interface Options {
  readonly settings: Values<typeof settings>
  /** The path of the database. */
  readonly database: string
}

const isTimed = (event: AuditEvent): event is AuditRecord => event.time !== undefined

/** Masked, and no longer than a record may be. */
const keeping = (words: ReadonlyArray<string>): ((value: () => unknown) => unknown) => {
  const mask = masking(words)
  return (value) => {
    const masked = mask(value())
    const size = masked === undefined ? 0 : JSON.stringify(masked).length
    return size > MAX_ARGUMENTS ? `… ${size} characters` : masked
  }
}

const make = Effect.fnUntraced(function* ({ database, settings }: Options) {
  const start = yield* AuditThread
  const clock = yield* Clock.Clock
  const file = Option.getOrUndefined(settings.path)
  const place = { run: randomUUID(), database, file }
  const backlog = new Backlog()
  yield* expose(AuditMetrics.families.records, () => backlog.given)
  yield* expose(AuditMetrics.families.waiting, () => backlog.waiting)
  yield* expose(AuditMetrics.families.lost, () => backlog.lost)
  const arrived = Latch.makeUnsafe(false)
  const ending = Latch.makeUnsafe(false)
  const empty = Latch.makeUnsafe(true)
  let databaseFault: string | undefined
  let fileFault: string | undefined

  /** Says when trouble begins and when it is over, not each time that it is still there. */
  const heed = Effect.fnUntraced(function* (reply: Reply) {
    if (reply.fault !== undefined && databaseFault === undefined) {
      yield* log.error(
        `The audit trail cannot be written to ${database}: ${reply.fault}. Free space there, or let this user write to it. It is tried again every second; meanwhile records wait in memory, ${Backlog.CAPACITY} at most.`
      )
    }
    if (reply.fault === undefined && databaseFault !== undefined) {
      yield* log.info(`The audit trail is written again; ${backlog.lost} records were lost since the start`)
    }
    databaseFault = reply.fault
    if (reply.fault !== undefined || !("fileFault" in reply)) return
    if (reply.fileFault !== undefined && fileFault === undefined) {
      yield* log.error(
        `Audit records cannot be appended to ${file}: ${reply.fileFault}. Mend MCP_AUDIT_PATH, or what it names. ${database} has them.`
      )
    }
    if (reply.fileFault === undefined && fileFault !== undefined) yield* log.info(`${file} is appended to again`)
    fileFault = reply.fileFault
  })

  let sweepAt = 0

  /** Deletes some of what is too old, or too much. */
  const sweep = Effect.fnUntraced(function* (thread: Thread, now: number) {
    const before = now - Duration.toMillis(settings.retention)
    const reply = yield* thread.ask({ _tag: "Sweep", before, maxSize: settings.maxSize })
    yield* heed(reply)
    sweepAt = reply.more === true ? now : now + Duration.toMillis(reply.fault === undefined ? SWEEP : RETRY)
  })

  /** Writes the next batch. False: it was not taken, and is to be written again. */
  const write = Effect.fnUntraced(function* (thread: Thread) {
    const batch = backlog.batch()
    if (batch === undefined) return true
    const reply = yield* thread.ask({ _tag: "Batch", ...batch })
    yield* heed(reply)
    if (reply.fault !== undefined) return false
    backlog.written()
    return true
  })

  const serve = Effect.fnUntraced(function* (thread: Thread) {
    let isTaken = true
    while (true) {
      const now = yield* Clock.currentTimeMillis
      if (now >= sweepAt) yield* sweep(thread, now)
      if (backlog.waiting === 0) {
        arrived.closeUnsafe()
        empty.openUnsafe()
        const rest = sweepAt - (yield* Clock.currentTimeMillis)
        yield* Effect.timeoutOption(arrived.await, Math.max(0, rest))
        if (backlog.waiting === 0) continue
      }
      // Each batch waits for the disk, and is to be worth it, under load most of all.
      if (!isTaken) yield* Effect.sleep(RETRY)
      else if (backlog.waiting < Pack.CAPACITY) yield* Effect.timeoutOption(ending.await, COLLECT)
      isTaken = yield* write(thread)
    }
  })

  /** One thread, until it dies. */
  const life = Effect.scoped(
    Effect.flatMap(start(place), (thread) => Effect.raceFirst(serve(thread), thread.died))
  ).pipe(
    Effect.tapError((error) =>
      log.error(`The thread that writes the audit trail died and is started again: ${error.message}`)
    ),
    Effect.ignore
  )

  yield* Vital.fork(
    "Writing the audit trail",
    Effect.repeat(life, Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("30 seconds")]))
  )
  yield* Effect.addFinalizer(() =>
    ending.open.pipe(
      Effect.andThen(empty.await),
      Effect.timeoutOption(DRAIN),
      Effect.interruptible,
      Effect.andThen(
        Effect.suspend(() =>
          backlog.waiting === 0
            ? Effect.void
            : log.error(`${backlog.waiting} audit records could not be written and are lost`)
        )
      )
    )
  )

  return Audit.of({
    record: (event) =>
      Effect.sync(() => {
        const record = isTimed(event) ? event : { ...event, time: clock.currentTimeMillisUnsafe() }
        backlog.add(record, () => clock.currentTimeMillisUnsafe())
        empty.closeUnsafe()
        arrived.openUnsafe()
      }),
    argumentsOf: settings.arguments ? keeping(settings.mask) : () => undefined,
    status: () => ({ waiting: backlog.waiting, lost: backlog.lost, fault: databaseFault ?? fileFault })
  })
})

/** The trail in this database. Its directory has to be there; nothing else can keep it from starting. */
export const layer = (options: Options): Layer.Layer<Audit> => Layer.effect(Audit, make(options))
