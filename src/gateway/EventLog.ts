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
import type { ByteBudget, Holding } from "../domain/ByteBudget.ts"
import type { Owner } from "../domain/Owner.ts"
import type { SessionKey } from "../domain/ServerId.ts"
import { Quota, type QuotaBounds } from "../domain/Quota.ts"
import { expose, type Sample } from "../observability/Metrics.ts"
import * as Vital from "../observability/Vital.ts"
import * as Setting from "../settings/Setting.ts"
import { Buffers, MaxMessage } from "../upstream/Bounds.ts"
import type { StreamName } from "./EventIds.ts"
import * as GatewayMetrics from "./GatewayMetrics.ts"

/** What is kept at most, of one stream and of all together, for those who come back; and for how long. */
export const BOUNDS = {
  events: 256,
  bytes: 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
  /**
   * How many streams that came to their end are kept of one session, and how many that nobody reads of all. Small ones cost
   * far more than their bytes; and who comes back asks for what was under way when their connection broke, not for what
   * ended hundreds of calls ago.
   */
  streamsOfOne: 256,
  streams: 10_000,
  time: Duration.minutes(10),
  /** How far a reader may fall behind before events are dropped under it, which ends its connection. */
  backlogBytes: 72 * 1024 * 1024,
  /** How much a reader is given at a time, beside one event that is larger. */
  deliveryBytes: 256 * 1024
}

export const settings = {
  most: Setting.integer({
    name: "MCP_MAX_STREAMS",
    description: "How many event streams to clients may be open at the same time.",
    fallback: 10_000,
    minimum: 1,
    maximum: 1_000_000
  }),
  mostOfOne: Setting.integer({
    name: "MCP_MAX_STREAMS_PER_USER",
    description: "How many of them may be one person's, or one session's without sign-in.",
    fallback: 1000,
    minimum: 1,
    maximum: 1_000_000
  })
}

/** How many streams there may be. */
export const StreamBounds = Context.Reference<QuotaBounds>("mcp-proxy/gateway/EventLog/StreamBounds", {
  defaultValue: () => ({ most: settings.most.absent, mostOfOne: settings.mostOfOne.absent })
})

export interface LoggedEvent {
  readonly sequence: number
  readonly message: Uint8Array
}

interface HeldEvent extends LoggedEvent {
  /** How many bytes it counts for: none where it is the word that there is no room, which has to be said all the same. */
  readonly held: number
}

/** How many streams whose readers have left may still hold on to memory beside their own. */
const UNPACKED = 16

/** An event whose message shares its memory with next to nothing else: a few bytes out of a pool would keep all of that. */
const packed = (event: HeldEvent): HeldEvent => {
  const { message } = event
  return message.buffer.byteLength <= 2 * message.length ? event : { ...event, message: new Uint8Array(message) }
}

/**
 * What a reader is given: events, of which it says when they are `sent`, for until then they count as being on their way;
 * or the word that the stream is closed for now and how soon to come back.
 */
export type Delivery =
  | { readonly _tag: "Events"; readonly events: ReadonlyArray<LoggedEvent>; readonly sent: () => void }
  | { readonly _tag: "ComeBack"; readonly retryMillis: number | undefined }

/** One connection on which a stream is read. */
interface Reader {
  /** What it was given and has not sent yet, where it sends copies. */
  readonly onItsWay: Holding | undefined
}

/** One stream. Sequence numbers count from 1; 0 stands for its beginning. */
export class EventLog {
  readonly name: StreamName
  readonly owner: Owner | undefined
  /** Is what was read kept for who may come back? */
  private readonly isKept: boolean
  private readonly all: EventLogs
  private readonly changed = Latch.makeUnsafe(false)
  private events: Array<HeldEvent> = []
  private bytes = 0
  private lastSequence = 0
  private finished = false
  private comeBack: { readonly retryMillis: number | undefined } | undefined
  private activeReader: Reader | undefined
  private delivered = 0
  /** Has anybody ever begun to read it? */
  wasRead = false
  /** Since when nobody reads it; undefined while somebody does. */
  idleSince: number | undefined

  constructor(name: StreamName, owner: Owner | undefined, isKept: boolean, all: EventLogs) {
    this.name = name
    this.owner = owner
    this.isKept = isKept
    this.all = all
    this.idleSince = all.now
  }

  /** `instead` is what is said in place of a message of so many bytes for which there is no room. */
  append(message: Uint8Array, instead?: (bytes: number) => Uint8Array): void {
    if (this.finished) return
    const hasRoom = this.all.makeRoom(message.length)
    // Making room may have cost this very stream.
    if (this.isFinished) {
      if (hasRoom) this.all.buffers.give(message.length)
      return
    }
    if (hasRoom) this.add(message, message.length)
    else if (instead !== undefined) this.add(instead(message.length), 0)
    else {
      this.lastSequence++
      this.empty()
    }
    this.changed.openUnsafe()
  }

  private add(message: Uint8Array, held: number): void {
    this.events.push({ sequence: ++this.lastSequence, message, held })
    this.count(held)
    this.trim()
  }

  /** Drops all events that there are. Whoever has not read them all is not told any others: their connection ends. */
  empty(): void {
    this.count(-this.bytes)
    this.events = []
    this.changed.openUnsafe()
  }

  /** How much of it its reader has not been given yet. */
  get backlogBytes(): number {
    return this.events.reduce((sum, { message, sequence }) => sum + (sequence > this.delivered ? message.length : 0), 0)
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

  /** Has it been read, and does nobody read it any more, and will nothing more come? */
  get isOver(): boolean {
    return this.finished && this.wasRead && this.idleSince !== undefined
  }

  /** Ends the connection of its reader, or of the next where there is none, not the stream. */
  dismiss(retryMillis: number | undefined): void {
    this.comeBack = { retryMillis }
    this.changed.openUnsafe()
  }

  /** Finishes it and drops everything, also what was never read. */
  clear(): void {
    this.finish()
    this.empty()
  }

  /**
   * What came after an event, then what comes. Ends when the stream is finished, when another reader takes over, or when
   * this one has fallen so far behind that events were dropped. Undefined where what came after is gone already.
   *
   * A reader that sends copies has them counted by `onItsWay`, and gives that back when its connection ends.
   */
  read(after: number, onItsWay?: Holding): Stream.Stream<Delivery> | undefined {
    const first = this.events[0]?.sequence ?? this.lastSequence + 1
    if (after < first - 1 || after > this.lastSequence) return undefined
    return Stream.suspend(() => {
      const reader: Reader = { onItsWay }
      this.all.streams.add(this.owner)
      this.activeReader = reader
      this.wasRead = true
      this.idleSince = undefined
      this.delivered = after
      this.changed.openUnsafe()
      return Stream.unfold(after, (position) => this.next(reader, position)).pipe(
        Stream.ensuring(
          Effect.sync(() => {
            this.leave(reader)
            this.all.streams.remove(this.owner)
          })
        )
      )
    })
  }

  private next(reader: Reader, position: number): Effect.Effect<readonly [Delivery, number] | undefined> {
    return Effect.suspend(() => {
      if (this.activeReader !== reader) return Effect.undefined
      const events = this.someAfter(position)
      const last = events.at(-1)
      if (last !== undefined) {
        const bytes = events.reduce((sum, { held }) => sum + held, 0)
        if (events[0]?.sequence !== position + 1) return Effect.undefined
        // Given back first, so that there is room for it on its way.
        if (!this.isKept) this.forget(events.length, bytes)
        if (reader.onItsWay?.add(bytes) === false) return Effect.undefined
        const sent = (): void => reader.onItsWay?.remove(bytes)
        this.delivered = last.sequence
        this.trim()
        return Effect.succeed([{ _tag: "Events", events, sent }, last.sequence] as const)
      }
      if (this.finished || this.lastSequence > position) return Effect.undefined
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

  /** Events after a position, so many as are given at a time. */
  private someAfter(position: number): ReadonlyArray<HeldEvent> {
    const from = this.events.findIndex(({ sequence }) => sequence > position)
    if (from < 0) return []
    let to = from
    for (let bytes = 0; to < this.events.length && (to === from || bytes <= BOUNDS.deliveryBytes); to++) {
      bytes += this.events[to]?.message.length ?? 0
    }
    return this.events.slice(from, to)
  }

  private leave(reader: Reader): void {
    if (this.activeReader !== reader) return
    this.activeReader = undefined
    this.idleSince = this.all.now
    this.all.wasLeft(this)
  }

  /** What is kept for long takes no more memory than it has to. */
  pack(): void {
    this.events = this.events.map(packed)
  }

  private count(bytes: number): void {
    this.bytes += bytes
    this.all.count(bytes)
  }

  /** Drops so many of the oldest events. */
  private forget(events: number, bytes: number): void {
    this.events.splice(0, events)
    this.count(-bytes)
  }

  /** Drops the oldest events beyond the bounds; what nobody has had yet only far beyond them. */
  private trim(): void {
    for (;;) {
      const oldest = this.events[0]
      if (oldest === undefined) return
      if (this.events.length <= BOUNDS.events && this.bytes <= BOUNDS.bytes) return
      const isAwaited = this.activeReader !== undefined || !this.wasRead || this.events.length === 1
      const isOwed = isAwaited && oldest.sequence > this.delivered
      if (isOwed && this.bytes <= this.all.backlogBytes) return
      this.forget(1, oldest.held)
    }
  }
}

/** All streams that are kept. */
export class EventLogs {
  private readonly logs = new Map<string, EventLog>()
  /** Those of each session, oldest first. */
  private readonly bySession = new Map<SessionKey, Set<EventLog>>()
  /** Those that their readers have left since the last time that such streams were packed. */
  private justLeft: Array<EventLog> = []
  private bytes = 0
  private numbers = 0
  private readonly processId = randomBytes(6).toString("base64url")
  /** The time (epoch milliseconds) as of the last sweep: exact enough for minutes. */
  now: number
  /** All bytes that are held in this process; those of streams are among them. */
  readonly buffers: ByteBudget
  /** The streams that somebody reads. */
  readonly streams: Quota
  readonly backlogBytes: number

  constructor(
    now: number,
    bounds: { readonly buffers: ByteBudget; readonly maxMessage: number; readonly streams: QuotaBounds }
  ) {
    this.now = now
    this.buffers = bounds.buffers
    this.streams = new Quota(bounds.streams)
    // One answer of the largest size, and what was said before it.
    this.backlogBytes = Math.max(BOUNDS.backlogBytes, bounds.maxMessage + BOUNDS.deliveryBytes)
  }

  /** Why no further stream may be opened for somebody; undefined where one may. */
  full(owner: Owner | undefined): string | undefined {
    const { most, mostOfOne } = this.streams.bounds
    switch (this.streams.reached(owner)) {
      case "most":
        return `${most} streams are open already (${settings.most.name})`
      case "mostOfOne":
        return `${mostOfOne} of your streams are open already (${settings.mostOfOne.name})`
      case undefined:
        return undefined
    }
  }

  get heldBytes(): number {
    return this.bytes
  }

  /** How many of them somebody reads, and how many are kept for who may come back. */
  get counts(): ReadonlyArray<Sample> {
    let kept = 0
    for (const log of this.logs.values()) if (log.idleSince !== undefined) kept++
    return [
      [["read"], this.logs.size - kept],
      [["kept"], kept]
    ]
  }

  /** An event was added, for which there is room, or some were dropped. */
  count(bytes: number): void {
    this.bytes += bytes
    if (bytes < 0) this.buffers.give(-bytes)
    else if (this.bytes > BOUNDS.totalBytes) this.sweep(this.now)
  }

  /**
   * Takes room for an event; false where there is none. Before that, those who are furthest behind with reading lose their
   * streams, whatever else they may be owed.
   */
  makeRoom(bytes: number): boolean {
    while (!this.buffers.take(bytes)) {
      const slowest = this.furthestBehind()
      if (slowest === undefined) return false
      slowest.empty()
    }
    return true
  }

  private furthestBehind(): EventLog | undefined {
    let [slowest, most] = [undefined as EventLog | undefined, BOUNDS.bytes]
    for (const log of this.logs.values()) {
      const { backlogBytes } = log
      if (backlogBytes > most) [slowest, most] = [log, backlogBytes]
    }
    return slowest
  }

  /** Drops what nobody reads any more, longest left first, until so many bytes are given back or none are left. */
  spare(bytes: number): void {
    const wanted = this.bytes - bytes
    for (const { log, since } of this.unread()) {
      if (this.bytes <= wanted) return
      // One that was just opened will be read in a moment.
      if (log.wasRead || since < this.now) this.drop(log)
    }
  }

  /**
   * A new stream under a name that no other stream, of this process or another, has. What was read of it is kept, unless
   * nobody can come back to it.
   */
  open(name: Omit<StreamName, "number">, owner?: Owner, isKept = true): EventLog {
    const log = new EventLog({ ...name, number: `${this.processId}.${++this.numbers}` }, owner, isKept, this)
    this.logs.set(log.name.number, log)
    const siblings = this.bySession.get(name.session)
    if (siblings === undefined) this.bySession.set(name.session, new Set([log]))
    else {
      siblings.add(log)
      if (siblings.size > BOUNDS.streamsOfOne) this.dropOldest(siblings)
    }
    return log
  }

  private dropOldest(siblings: Iterable<EventLog>): void {
    for (const log of siblings) if (log.isOver) return this.drop(log)
  }

  /** The session has ended: nobody comes back to its streams. Those that are read still come to their own end. */
  endOf(session: SessionKey): void {
    for (const log of this.bySession.get(session) ?? []) if (log.isOver) this.drop(log)
  }

  find(name: StreamName): EventLog | undefined {
    return this.logs.get(name.number)
  }

  drop(log: EventLog): void {
    this.logs.delete(log.name.number)
    const siblings = this.bySession.get(log.name.session)
    if (siblings?.delete(log) === true && siblings.size === 0) this.bySession.delete(log.name.session)
    log.clear()
  }

  /** Drops all of them: nobody can come back to this process's. */
  clear(): void {
    for (const log of this.logs.values()) this.drop(log)
  }

  /** Drops what nobody has read for too long; and, while there are too many or too much, what nobody has read for longest. */
  sweep(now: number): void {
    this.now = now
    const unread = this.unread()
    for (const [index, { log, since }] of unread.entries()) {
      const isTooMuch = this.bytes > BOUNDS.totalBytes || unread.length - index > BOUNDS.streams
      if (isTooMuch || now - since > Duration.toMillis(BOUNDS.time)) this.drop(log)
    }
  }

  /** Many are dropped right after their readers have left; those that are still there are packed, some at a time. */
  wasLeft(log: EventLog): void {
    if (this.justLeft.push(log) < UNPACKED) return
    for (const one of this.justLeft) one.pack()
    this.justLeft = []
  }

  private unread(): ReadonlyArray<{ readonly log: EventLog; readonly since: number }> {
    return [...this.logs.values()]
      .flatMap((log) => (log.idleSince === undefined ? [] : [{ log, since: log.idleSince }]))
      .sort((a, b) => a.since - b.since)
  }
}

/** The streams of this process. */
export class Streams extends Context.Service<Streams, EventLogs>()("mcp-proxy/gateway/Streams") {
  static readonly layer: Layer.Layer<Streams> = Layer.effect(
    Streams,
    Effect.gen(function* () {
      const buffers = yield* Buffers
      const logs = new EventLogs(yield* Clock.currentTimeMillis, {
        buffers,
        maxMessage: yield* MaxMessage,
        streams: yield* StreamBounds
      })
      yield* expose(GatewayMetrics.families.streams, () => logs.counts)
      yield* expose(GatewayMetrics.families.streamBytes, () => logs.heldBytes)
      const forget = buffers.onShortage((bytes) => logs.spare(bytes))
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          forget()
          logs.clear()
        })
      )
      const sweep = Effect.map(Clock.currentTimeMillis, (now) => logs.sweep(now))
      yield* Vital.fork("The sweep over streams", Effect.repeat(sweep, Schedule.spaced("5 seconds")))
      return logs
    })
  )
}
