/** The one time of a simulated world, for what runs in fibers and for what does not. */
import type { Clock } from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Timer {
  readonly at: number
  readonly fire: () => void
}

/** A day like any other, in epoch milliseconds. */
const BEGINNING = 1_780_000_000_000

export class Timeline {
  now = BEGINNING
  /** The next one last. */
  private readonly timers: Array<Timer> = []

  /** Milliseconds since the beginning. */
  get elapsed(): number {
    return this.now - BEGINNING
  }

  /** Has something done after so many milliseconds; gives how to take it back. */
  after(millis: number, fire: () => void): () => void {
    const timer: Timer = { at: this.now + Math.max(0, millis), fire }
    let low = 0
    let high = this.timers.length
    // Before those of the same time, so that they fire in the order in which they were set.
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.timers[middle]?.at ?? 0) > timer.at) low = middle + 1
      else high = middle
    }
    this.timers.splice(low, 0, timer)
    return () => {
      const index = this.timers.indexOf(timer)
      if (index !== -1) this.timers.splice(index, 1)
    }
  }

  /** Fires the next timer that is due by then, if there is one; time passes up to it, unless it has passed already. */
  fireNext(until: number): boolean {
    const next = this.timers.at(-1)
    if (next === undefined || next.at > until) return false
    this.timers.pop()
    this.now = Math.max(this.now, next.at)
    next.fire()
    return true
  }
}

/** The clock of one process; `sleeping` is how many of its fibers sleep. Once stopped it wakes nobody any more. */
export class ProcessClock implements Clock {
  private readonly timeline: Timeline
  private readonly pending = new Set<() => void>()
  private isOver = false

  constructor(timeline: Timeline) {
    this.timeline = timeline
  }

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())

  currentTimeMillisUnsafe(): number {
    return this.timeline.now
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.timeline.now) * 1_000_000n
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    return Effect.callback((resume) => {
      if (!Number.isFinite(millis) || this.isOver) return
      const cancel = this.timeline.after(millis, () => {
        this.pending.delete(cancel)
        resume(Effect.void)
      })
      this.pending.add(cancel)
      return Effect.sync(() => {
        this.pending.delete(cancel)
        cancel()
      })
    })
  }

  get sleeping(): number {
    return this.pending.size
  }

  stop(): void {
    this.isOver = true
    for (const cancel of this.pending) cancel()
    this.pending.clear()
  }
}
