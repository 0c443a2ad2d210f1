/** A stream to a client that can be taken up again: what was sent on it is kept for a while. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { ByteBudget, Holding } from "../domain/ByteBudget.ts"
import type { Owner } from "../domain/Owner.ts"
import type { Quota } from "../domain/Quota.ts"
import type { StreamName } from "./EventIds.ts"
import { around } from "./Around.ts"

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

export interface LoggedEvent {
  readonly sequence: number
  readonly message: Uint8Array
}

interface HeldEvent extends LoggedEvent {
  /** How many bytes it counts for: none where it is the word that there is no room, which has to be said all the same. */
  readonly held: number
}

/** Does a message keep memory alive that is mostly others'? A few bytes out of a pool would keep all of that. */
const isLoose = ({ message }: HeldEvent): boolean => message.buffer.byteLength > 2 * message.length

/**
 * What a reader is given: events, of which it says when they are `sent`, for until then they count as being on their way;
 * the word that the stream is closed for now and how soon to come back; or a mere sign of life.
 */
export type Delivery =
  | { readonly _tag: "Events"; readonly events: ReadonlyArray<LoggedEvent>; readonly sent: () => void }
  | { readonly _tag: "ComeBack"; readonly retryMillis: number | undefined }
  | { readonly _tag: "Alive" }

const ALIVE: Delivery = { _tag: "Alive" }

/** One connection on which a stream is read. */
interface Reader {
  /** What it was given and has not sent yet, where it sends copies. */
  readonly onItsWay: Holding | undefined
}

/** All streams, as one of them sees them. */
interface All {
  /** The time (epoch milliseconds) as of the last sweep. */
  readonly now: number
  readonly buffers: ByteBudget
  readonly streams: Quota
  readonly backlogBytes: number
  /** Are all connections of readers to end? */
  readonly isClosed: boolean
  readonly makeRoom: (bytes: number) => boolean
  readonly count: (bytes: number) => void
  readonly wasLeft: (log: EventLog) => void
}

/** One stream. Sequence numbers count from 1; 0 stands for its beginning. */
export class EventLog {
  readonly name: StreamName
  readonly owner: Owner | undefined
  /** Is what was read kept for who may come back? */
  private readonly isKept: boolean
  private readonly all: All
  private readonly changed = Latch.makeUnsafe(false)
  private events: Array<HeldEvent> = []
  private bytes = 0
  private lastSequence = 0
  private finished = false
  private comeBack: { readonly retryMillis: number | undefined } | undefined
  private activeReader: Reader | undefined
  private delivered = 0
  /** Is its reader to be given a sign of life, should there be nothing else to say? */
  private isQuiet = false
  /** Has anybody ever begun to read it? */
  wasRead = false
  /** Since when nobody reads it; undefined while somebody does. */
  idleSince: number | undefined

  constructor(name: StreamName, owner: Owner | undefined, isKept: boolean, all: All) {
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

  /** Does it belong to no request? */
  get isStanding(): boolean {
    return this.name.request === null
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

  /** Gives its reader a sign of life, unless there is something else to say. */
  beat(): void {
    if (this.activeReader === undefined) return
    this.isQuiet = true
    this.changed.openUnsafe()
  }

  /** Has its reader look whether there is still anything to wait for. */
  wake(): void {
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
    const reader: Reader = { onItsWay }
    return around(
      Stream.unfold(after, (position) => this.next(reader, position)),
      () => {
        this.all.streams.add(this.owner)
        this.activeReader = reader
        this.wasRead = true
        this.idleSince = undefined
        this.delivered = after
        this.changed.openUnsafe()
      },
      () => {
        this.leave(reader)
        this.all.streams.remove(this.owner)
      }
    )
  }

  private next(reader: Reader, position: number): Effect.Effect<readonly [Delivery, number] | undefined> {
    return Effect.suspend(() => {
      if (this.activeReader !== reader || this.all.isClosed) return Effect.undefined
      const isQuiet = this.isQuiet
      this.isQuiet = false
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
      if (isQuiet) return Effect.succeed([ALIVE, position] as const)
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

  /** What is kept for long takes no more memory than it has to, and that in one piece. */
  pack(): void {
    const loose = this.events.filter(isLoose)
    if (loose.length === 0) return
    const whole = new Uint8Array(loose.reduce((sum, { message }) => sum + message.length, 0))
    let at = 0
    this.events = this.events.map((event) => {
      if (!isLoose(event)) return event
      const message = whole.subarray(at, (at += event.message.length))
      message.set(event.message)
      return { ...event, message }
    })
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
