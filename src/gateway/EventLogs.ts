/** All streams to clients: how many there may be, and which are dropped when they are too many or hold too much. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { randomUUID } from "node:crypto"
import type { ByteBudget } from "../domain/ByteBudget.ts"
import type { Owner } from "../domain/Owner.ts"
import type { SessionKey } from "../domain/ServerId.ts"
import { Quota, type QuotaBounds } from "../domain/Quota.ts"
import { TransientMap } from "../domain/TransientMap.ts"
import { expose, type Sample } from "../observability/Metrics.ts"
import * as Vital from "../observability/Vital.ts"
import * as Setting from "../settings/Setting.ts"
import { Buffers, MaxMessage } from "../upstream/Bounds.ts"
import type { StreamName } from "./EventIds.ts"
import { BOUNDS, EventLog } from "./EventLog.ts"
import * as GatewayMetrics from "./GatewayMetrics.ts"

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
export const StreamBounds = Context.Reference<QuotaBounds>("mcp-proxy/gateway/EventLogs/StreamBounds", {
  defaultValue: () => ({ most: settings.most.absent, mostOfOne: settings.mostOfOne.absent })
})

/** How long nothing may be said on a stream that is read: what stands between may take it for dead. */
const SILENCE = Duration.seconds(15)

/** So much less than too much is kept once some is dropped: what was left longest is found by looking at all there are. */
const SLACK = BOUNDS.totalBytes / 8

/** How many streams whose readers have left may still hold on to memory beside their own. */
const UNPACKED = 16

/** All streams that are kept. */
export class EventLogs {
  private readonly logs = new TransientMap<string, EventLog>()
  /** Those of each session to which somebody may come back, oldest first. */
  private readonly bySession = new Map<SessionKey, Set<EventLog>>()
  /** Those that their readers have left since the last time that such streams were packed. */
  private justLeft: Array<EventLog> = []
  private bytes = 0
  /** Beyond this some are dropped. */
  private tooMuch = BOUNDS.totalBytes
  private areStandingDismissed = false
  /** Do all connections of readers end, and all that are made? */
  isClosed = false
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
    for (const [, log] of this.logs) if (log.idleSince !== undefined) kept++
    return [
      [["read"], this.logs.size - kept],
      [["kept"], kept]
    ]
  }

  /** An event was added, for which there is room, or some were dropped. */
  count(bytes: number): void {
    this.bytes += bytes
    if (bytes < 0) this.buffers.give(-bytes)
    else if (this.bytes > this.tooMuch) this.sweep(this.now)
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
    for (const [, log] of this.logs) {
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
    const log = new EventLog({ ...name, number: randomUUID() }, owner, isKept, this)
    this.logs.set(log.name.number, log)
    if (this.areStandingDismissed && log.isStanding) log.dismiss(undefined)
    if (isKept) this.addSibling(log)
    return log
  }

  private addSibling(log: EventLog): void {
    const siblings = this.bySession.get(log.name.session)
    if (siblings === undefined) this.bySession.set(log.name.session, new Set([log]))
    else {
      siblings.add(log)
      if (siblings.size > BOUNDS.streamsOfOne) this.dropOldest(siblings)
    }
  }

  private dropOldest(siblings: Iterable<EventLog>): void {
    for (const log of siblings) if (log.isOver) return this.drop(log)
  }

  /** The session has ended: nobody comes back to its streams. Those that are read still come to their own end. */
  endOf(session: SessionKey): void {
    for (const log of this.bySession.get(session) ?? []) if (log.isOver) this.drop(log)
  }

  /** The stream of that number, if it is that session's. */
  find({ number, session }: StreamName): EventLog | undefined {
    const log = this.logs.get(number)
    return log?.name.session === session ? log : undefined
  }

  drop(log: EventLog): void {
    this.logs.take(log.name.number)
    const siblings = this.bySession.get(log.name.session)
    if (siblings?.delete(log) === true && siblings.size === 0) this.bySession.delete(log.name.session)
    log.clear()
  }

  /** Gives those who read a sign of life, unless there is something else to say. */
  beat(): void {
    for (const [, log] of this.logs) log.beat()
  }

  /** Standing streams end, those of the future too, with the word when to come back. */
  dismissStanding(): void {
    this.areStandingDismissed = true
    for (const [, log] of this.logs) if (log.isStanding) log.dismiss(undefined)
  }

  /** All connections of readers end, and so do those that are made from now on. */
  close(): void {
    this.isClosed = true
    for (const [, log] of this.logs) log.wake()
  }

  /** Drops all of them: nobody can come back to this process's. */
  clear(): void {
    for (const [, log] of this.logs) this.drop(log)
  }

  /** Drops what nobody has read for too long; and, while there are too many or too much, what nobody has read for longest. */
  sweep(now: number): void {
    this.now = now
    const unread = this.unread()
    const wanted = this.bytes > BOUNDS.totalBytes ? BOUNDS.totalBytes - SLACK : BOUNDS.totalBytes
    for (const [index, { log, since }] of unread.entries()) {
      const isTooMuch = this.bytes > wanted || unread.length - index > BOUNDS.streams
      if (isTooMuch || now - since > Duration.toMillis(BOUNDS.time)) this.drop(log)
    }
    // What those have that somebody reads is not looked through again with every event.
    this.tooMuch = this.bytes > BOUNDS.totalBytes ? this.bytes + SLACK : BOUNDS.totalBytes
  }

  /** Many are dropped right after their readers have left; those that are still there are packed, some at a time. */
  wasLeft(log: EventLog): void {
    if (this.justLeft.push(log) < UNPACKED) return
    for (const one of this.justLeft) one.pack()
    this.justLeft = []
  }

  private unread(): ReadonlyArray<{ readonly log: EventLog; readonly since: number }> {
    return [...this.logs]
      .flatMap(([, log]) => (log.idleSince === undefined ? [] : [{ log, since: log.idleSince }]))
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
      const beat = Effect.sync(() => logs.beat())
      yield* Vital.fork("Signs of life on streams", Effect.repeat(beat, Schedule.spaced(SILENCE)))
      return logs
    })
  )
}
