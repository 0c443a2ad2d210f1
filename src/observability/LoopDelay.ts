/** How late the event loop is: a timer is, when it takes its turn. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import { createHistogram, performance } from "node:perf_hooks"
import * as Vital from "./Vital.ts"

/** In seconds. */
export interface Delays {
  readonly median: number
  readonly p99: number
  readonly max: number
}

export interface LoopDelay {
  /** What was found since it was last asked; nothing the first time, which begins the watch, or if nothing was. */
  readonly take: () => Delays | undefined
}

/** Milliseconds from one look at a loop that has work to the next. */
const SHORTEST = 20

/** At one that has none, for each look wakes the process: Node's own monitor costs an idle one half a percent of a core. */
const LONGEST = 640

/** A loop that worked for this share of the time has work. */
const BUSY = 0.05

/** Nanoseconds, which the histogram counts in, in a millisecond. */
const NANOS = 1e6

const seconds = (nanos: number): number => nanos / NANOS / 1000

/** Watches this process's loop for as long as the scope lives, once it is asked. */
export const make: Effect.Effect<LoopDelay, never, Scope.Scope> = Effect.gen(function* () {
  const asked = Latch.makeUnsafe()
  const found = createHistogram()
  const watch = Effect.gen(function* () {
    yield* asked.await
    let pause = SHORTEST
    for (;;) {
      const before = performance.eventLoopUtilization()
      const due = performance.now() + pause
      yield* Effect.sleep(Duration.millis(pause))
      found.record(Math.max(1, Math.round((performance.now() - due) * NANOS)))
      const { utilization } = performance.eventLoopUtilization(before)
      pause = utilization > BUSY ? SHORTEST : Math.min(LONGEST, pause * 2)
    }
  })
  yield* Vital.fork("The watch over the event loop", watch)
  return {
    take: () => {
      asked.openUnsafe()
      if (found.count === 0) return undefined
      const delays = {
        median: seconds(found.percentile(50)),
        p99: seconds(found.percentile(99)),
        max: seconds(found.max)
      }
      found.reset()
      return delays
    }
  }
})
