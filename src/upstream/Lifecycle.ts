/** Running something again and again. The class of its failure, and its restart policy, say when. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { classify, type FailureClass } from "../domain/UpstreamFailure.ts"
import * as Status from "../domain/UpstreamStatus.ts"
import { jittered, STABLE } from "./RestartPolicy.ts"
import { CREDENTIALS_REST } from "./Restraint.ts"
import type { ConnectionLost } from "./Transport.ts"

export interface Lifecycle<R> {
  /** The waits between restarts, and how many there are. */
  readonly policy: Schedule.Schedule<unknown, unknown>
  /** The wait before a server is tried again that answers what is no MCP: nothing changes by itself. */
  readonly longest: Duration.Duration
  /**
   * One run: calls `onReady` when it is up, fails with what ended it, and succeeds where it merely has to begin anew at
   * once.
   */
  readonly run: (onReady: Effect.Effect<void>) => Effect.Effect<void, ConnectionLost, R>
  readonly setStatus: (status: Status.UpstreamStatus) => Effect.Effect<void>
  /** Opened by whoever wants one more try of what was given up; not before the status says. */
  readonly wake: Latch.Latch
}

/** How long a server that asks for fewer requests is left alone where it does not say for how long, in milliseconds. */
const RATE_LIMIT_REST = 30_000

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

/** The wait before the next restart; undefined where there is to be none. */
const nextDelay = (step: Step, now: number): Effect.Effect<Duration.Duration | undefined> =>
  step(now, undefined).pipe(
    Effect.map(([, delay]): Duration.Duration | undefined => delay),
    Pull.catchDone(() => Effect.undefined)
  )

/**
 * Never ends by itself. The first run is Starting; those after a failure go on as BackingOff until they are ready.
 *
 * Credentials that were refused are not tried again by themselves. A server that asks for fewer requests is left alone for
 * as long as it says, which counts as no restart. All else is restarted as the policy says, a fifth sooner or later.
 */
export const supervise = <R>({ longest, policy, run, setStatus, wake }: Lifecycle<R>): Effect.Effect<never, never, R> =>
  Effect.gen(function* () {
    let step = yield* Schedule.toStep(policy)
    let attempt = 0
    let lastChance = false
    let isRenewal = false
    yield* setStatus(Status.starting)

    const anew = Effect.fnUntraced(function* () {
      step = yield* Schedule.toStep(policy)
      attempt = 0
    })

    const backOff = Effect.fnUntraced(function* (wait: Duration.Duration, failure: FailureClass, reason: string) {
      const nextAt = (yield* Clock.currentTimeMillis) + Duration.toMillis(wait)
      yield* setStatus({ _tag: "BackingOff", attempt, nextAt, failure, reason })
      yield* Effect.sleep(wait)
    })

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
      const { reason, retryAfterMillis } = ended.failure
      const failure = classify(ended.failure)
      // A server that has just forgotten us may have begun anew itself: it is asked once more before it counts as gone.
      const isForgiven = isRenewal && readyAt === undefined && failure !== "credentials" && failure !== "rate-limit"
      isRenewal = false
      if (isForgiven) continue
      if (readyAt !== undefined && now - readyAt >= Duration.toMillis(STABLE)) yield* anew()
      if (failure === "rate-limit") {
        yield* backOff(Duration.millis(retryAfterMillis ?? RATE_LIMIT_REST), failure, reason)
        continue
      }
      const isRestarted = failure !== "credentials" && !lastChance
      const delay = isRestarted ? yield* nextDelay(step, now) : undefined
      if (delay !== undefined) {
        attempt++
        const wait = failure === "protocol" ? longest : delay
        yield* backOff(jittered(wait, yield* Random.next), failure, reason)
        continue
      }
      const retryAt = failure === "credentials" ? now + (retryAfterMillis ?? CREDENTIALS_REST) : undefined
      yield* wake.close
      yield* setStatus({ _tag: "Failed", failure, reason, retryAt })
      yield* wake.await
      // Whoever was turned away for its credentials has used up none of its restarts.
      lastChance = failure !== "credentials"
      yield* anew()
      yield* setStatus(Status.starting)
    }
  })
