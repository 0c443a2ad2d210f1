/** Streams to clients that can be taken up again: what was sent on them is kept for a while. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import * as Vital from "../observability/Vital.ts"
import type { StreamName } from "./EventIds.ts"

/** What is kept at most, of one stream and of all together, for those who come back; and for how long. */
export const BOUNDS = {
  events: 256,
  bytes: 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
  time: Duration.minutes(10),
  /** How far a reader may fall behind before events are dropped under it, which ends its connection. */
  backlogBytes: 72 * 1024 * 1024
}

export interface LoggedEvent {
  readonly sequence: number
  readonly message: Uint8Array
}

/** What a reader is given: events, or the word that the stream is closed for now and how soon to come back. */
export type Delivery =
  | { readonly _tag: "Events"; readonly events: ReadonlyArray<LoggedEvent> }
  | { readonly _tag: "ComeBack"; readonly retryMillis: number | undefined }

/** One stream. Sequence numbers count from 1; 0 stands for its beginning. */
export class EventLog {
  readonly name: StreamName
  private readonly all: EventLogs
  private readonly changed = Latch.makeUnsafe(false)
  private events: Array<LoggedEvent> = []
  private bytes = 0
  private lastSequence = 0
  private finished = false
  private comeBack: { readonly retryMillis: number | undefined } | undefined
  private readers = 0
  private activeReader: number | undefined
  private delivered = 0
  /** Since when nobody reads it; undefined while somebody does. */
  idleSince: number | undefined

  constructor(name: StreamName, all: EventLogs) {
    this.name = name
    this.all = all
    this.idleSince = all.now
  }

  append(message: Uint8Array): void {
    if (this.finished) return
    this.events.push({ sequence: ++this.lastSequence, message })
    this.count(message.length)
    this.trim()
    this.changed.openUnsafe()
  }

  /** Nothing more will come. */
  finish(): void {
    this.finished = true
    this.changed.openUnsafe()
  }

  /** Is there nothing yet after that event? */
  isSilentAfter(sequence: number): boolean {
    return this.lastSequence === sequence
  }

  get isFinished(): boolean {
    return this.finished
  }

  /** Ends the connection of its reader, or of the next where there is none, not the stream. */
  dismiss(retryMillis: number | undefined): void {
    this.comeBack = { retryMillis }
    this.changed.openUnsafe()
  }

  /** Finishes it and drops everything, also what was never read. */
  clear(): void {
    this.finish()
    this.count(-this.bytes)
    this.events = []
  }

  /**
   * What came after an event, then what comes. Ends when the stream is finished, when another reader takes over, or when
   * this one has fallen so far behind that events were dropped. Undefined where what came after is gone already.
   */
  read(after: number): Stream.Stream<Delivery> | undefined {
    const first = this.events[0]?.sequence ?? this.lastSequence + 1
    if (after < first - 1 || after > this.lastSequence) return undefined
    return Stream.suspend(() => {
      const reader = ++this.readers
      this.activeReader = reader
      this.idleSince = undefined
      this.delivered = after
      this.changed.openUnsafe()
      return Stream.unfold(after, (position) => this.next(reader, position)).pipe(
        Stream.ensuring(Effect.sync(() => this.leave(reader)))
      )
    })
  }

  private next(reader: number, position: number): Effect.Effect<readonly [Delivery, number] | undefined> {
    return Effect.suspend(() => {
      if (this.activeReader !== reader) return Effect.undefined
      const events = this.events.filter(({ sequence }) => sequence > position)
      const last = events.at(-1)
      if (last !== undefined) {
        if (events[0]?.sequence !== position + 1) return Effect.undefined
        this.delivered = last.sequence
        this.trim()
        return Effect.succeed([{ _tag: "Events", events }, last.sequence] as const)
      }
      if (this.finished) return Effect.undefined
      if (this.comeBack !== undefined) {
        const { retryMillis } = this.comeBack
        this.comeBack = undefined
        this.leave(reader)
        return Effect.succeed([{ _tag: "ComeBack", retryMillis }, position] as const)
      }
      this.changed.closeUnsafe()
      return Effect.andThen(this.changed.await, this.next(reader, position))
    })
  }

  private leave(reader: number): void {
    if (this.activeReader !== reader) return
    this.activeReader = undefined
    this.idleSince = this.all.now
  }

  private count(bytes: number): void {
    this.bytes += bytes
    this.all.count(bytes)
  }

  /** Drops the oldest events beyond the bounds; what nobody has had yet only far beyond them. */
  private trim(): void {
    for (;;) {
      const oldest = this.events[0]
      if (oldest === undefined) return
      if (this.events.length <= BOUNDS.events && this.bytes <= BOUNDS.bytes) return
      const isAwaited = this.activeReader !== undefined || this.readers === 0 || this.events.length === 1
      const isOwed = isAwaited && oldest.sequence > this.delivered
      if (isOwed && this.bytes <= BOUNDS.backlogBytes) return
      this.events.shift()
      this.count(-oldest.message.length)
    }
  }
}

/** All streams that are kept. */
export class EventLogs {
  private readonly logs = new Map<string, EventLog>()
  private bytes = 0
  private numbers = 0
  private readonly processId = randomBytes(6).toString("base64url")
  /** The time (epoch milliseconds) as of the last sweep: exact enough for minutes. */
  now: number

  constructor(now: number) {
    this.now = now
  }

  get heldBytes(): number {
    return this.bytes
  }

  count(bytes: number): void {
    this.bytes += bytes
    if (bytes > 0 && this.bytes > BOUNDS.totalBytes) this.sweep(this.now)
  }

  /** A new stream under a name that no other stream, of this process or another, has. */
  open(name: Omit<StreamName, "number">): EventLog {
    const log = new EventLog({ ...name, number: `${this.processId}.${++this.numbers}` }, this)
    this.logs.set(log.name.number, log)
    return log
  }

  find(name: StreamName): EventLog | undefined {
    return this.logs.get(name.number)
  }

  drop(log: EventLog): void {
    this.logs.delete(log.name.number)
    log.clear()
  }

  /** Drops what nobody has read for too long; and, while all together hold too much, what nobody has read for longest. */
  sweep(now: number): void {
    this.now = now
    const unread = [...this.logs.values()].flatMap((log) =>
      log.idleSince === undefined ? [] : [{ log, since: log.idleSince }]
    )
    for (const { log, since } of unread.sort((a, b) => a.since - b.since)) {
      if (now - since > Duration.toMillis(BOUNDS.time) || this.bytes > BOUNDS.totalBytes) this.drop(log)
    }
  }
}

/** The streams of this process. */
export class Streams extends Context.Service<Streams, EventLogs>()("mcp-proxy/gateway/Streams") {
  static readonly layer: Layer.Layer<Streams> = Layer.effect(
    Streams,
    Effect.gen(function* () {
      const logs = new EventLogs(yield* Clock.currentTimeMillis)
      const sweep = Effect.map(Clock.currentTimeMillis, (now) => logs.sweep(now))
      yield* Vital.fork("The sweep over streams", Effect.repeat(sweep, Schedule.spaced("5 seconds")))
      return logs
    })
  )
}
