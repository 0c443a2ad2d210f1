/** Running something again and again, as its restart policy says. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Status from "../domain/UpstreamStatus.ts"
import { STABLE } from "./RestartPolicy.ts"
import type { ConnectionLost } from "./Transport.ts"

export interface Lifecycle<R> {
  readonly policy: Schedule.Schedule<unknown, unknown>
  /**
   * One run: calls `onReady` when it is up, fails with what ended it, and succeeds where it merely has to begin anew at
   * once.
   */
  readonly run: (onReady: Effect.Effect<void>) => Effect.Effect<void, ConnectionLost, R>
  readonly setStatus: (status: Status.UpstreamStatus) => Effect.Effect<void>
  /** Opened by whoever wants one more try of what was given up. */
  readonly wake: Latch.Latch
}

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

/** The wait before the next restart; undefined where there is to be none. */
const nextDelay = (step: Step, now: number): Effect.Effect<Duration.Duration | undefined> =>
  step(now, undefined).pipe(
    Effect.map(([, delay]): Duration.Duration | undefined => delay),
    Pull.catchDone(() => Effect.undefined)
  )

/** Never ends by itself. The first run is Starting; those after a failure go on as BackingOff until they are ready. */
export const supervise = <R>({ policy, run, setStatus, wake }: Lifecycle<R>): Effect.Effect<never, never, R> =>
  Effect.gen(function* () {
    let step = yield* Schedule.toStep(policy)
    let attempt = 0
    let lastChance = false
    let isRenewal = false
    yield* setStatus(Status.starting)
    for (;;) {
      let readyAt: number | undefined
      const onReady = Effect.flatMap(Clock.currentTimeMillis, (now) => {
        readyAt = now
        lastChance = false
        return setStatus(Status.ready)
      })
      const ended = yield* Effect.result(run(onReady))
      const now = yield* Clock.currentTimeMillis
      if (Result.isSuccess(ended)) {
        isRenewal = true
        yield* setStatus(Status.starting)
        continue
      }
      // A server that has just forgotten us may have begun anew itself: it is asked once more before it counts as gone.
      const isForgiven = isRenewal && readyAt === undefined
      isRenewal = false
      if (isForgiven) continue
      const { reason } = ended.failure
      if (readyAt !== undefined && now - readyAt >= Duration.toMillis(STABLE)) {
        step = yield* Schedule.toStep(policy)
        attempt = 0
      }
      const delay = lastChance ? undefined : yield* nextDelay(step, now)
      if (delay !== undefined) {
        attempt++
        yield* setStatus({ _tag: "BackingOff", attempt, nextAt: now + Duration.toMillis(delay), reason })
        yield* Effect.sleep(delay)
        continue
      }
      yield* wake.close
      yield* setStatus({ _tag: "Failed", reason })
      yield* wake.await
      step = yield* Schedule.toStep(policy)
      attempt = 0
      lastChance = true
      yield* setStatus(Status.starting)
    }
  })
