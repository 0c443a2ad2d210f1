/** How soon, and how often, a server that went away is brought back. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as fc from "fast-check"
import * as RestartPolicy from "../../src/upstream/RestartPolicy.ts"

/** The waits of a policy in seconds, up to so many; shorter where it is done before. */
const waits = Effect.fnUntraced(function* (policy: Schedule.Schedule<unknown, unknown>, most = 50) {
  const step = yield* Schedule.toStep(policy)
  const seconds: Array<number> = []
  for (let i = 0; i < most; i++) {
    const wait = yield* step(0, undefined).pipe(
      Effect.map(([, delay]): number | undefined => Duration.toSeconds(delay)),
      Pull.catchDone(() => Effect.undefined)
    )
    if (wait === undefined) return seconds
    seconds.push(wait)
  }
  return seconds
})

const none = Option.none<Duration.Duration>()
const after = (seconds: number): Option.Option<Duration.Duration> => Option.some(Duration.seconds(seconds))

describe("a server that went away is restarted", () => {
  it.effect("after 1, 2, 4, 8, 16 and then 30 seconds, ten times in all", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* waits(RestartPolicy.of(undefined, none)), [1, 2, 4, 8, 16, 30, 30, 30, 30, 30])
    })
  )

  it.effect("with MCP_RESTART_DELAY after n, 2n, 3n … up to 30 seconds, ten times in all", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* waits(RestartPolicy.of(undefined, after(5))),
        [5, 10, 15, 20, 25, 30, 30, 30, 30, 30]
      )
      assert.deepStrictEqual(
        yield* waits(RestartPolicy.of(undefined, after(0.5))),
        [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
      )
      assert.deepStrictEqual(yield* waits(RestartPolicy.of(undefined, after(60))), Array(10).fill(30))
      assert.deepStrictEqual(yield* waits(RestartPolicy.of(undefined, after(0))), Array(10).fill(0))
    })
  )

  it.effect("as its own options say: how often, from which wait, up to which", () =>
    Effect.gen(function* () {
      const of = (restart: Parameters<typeof RestartPolicy.of>[0]) => waits(RestartPolicy.of(restart, none))
      assert.deepStrictEqual(yield* of({ maxAttempts: 3 }), [1, 2, 4])
      assert.deepStrictEqual(yield* of({ maxAttempts: 0 }), [])
      assert.deepStrictEqual(yield* of({ maxAttempts: 4, delay: Duration.seconds(3) }), [3, 6, 12, 24])
      assert.deepStrictEqual(yield* of({ maxAttempts: 4, maxDelay: Duration.seconds(3) }), [1, 2, 3, 3])
      assert.deepStrictEqual(yield* of({ maxAttempts: 2, delay: Duration.minutes(2) }), [30, 30])
      assert.deepStrictEqual(yield* of({}), [1, 2, 4, 8, 16, 30, 30, 30, 30, 30])
    })
  )

  it.effect("as its own options say, rather than as MCP_RESTART_DELAY says", () =>
    Effect.gen(function* () {
      const own = { delay: Duration.seconds(1), maxAttempts: 3 }
      assert.deepStrictEqual(yield* waits(RestartPolicy.of(own, after(5))), [1, 2, 4])
    })
  )

  it.effect("as MCP_RESTART_DELAY says, where its own options do not say after which wait", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* waits(RestartPolicy.of({ maxAttempts: 3 }, after(5))), [5, 10, 15])
    })
  )

  it.effect("never, where that is switched off", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* waits(RestartPolicy.of(false, none)), [])
      assert.deepStrictEqual(yield* waits(RestartPolicy.of(false, after(5))), [])
    })
  )
})

describe("a wait left to chance", () => {
  it("is never more than a fifth shorter or longer than it would be, and all that lies between is possible", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3_600_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (millis, random) => {
          const wait = Duration.toMillis(RestartPolicy.jittered(Duration.millis(millis), random))
          assert.isAtLeast(wait, Math.round(0.8 * millis))
          assert.isAtMost(wait, Math.round(1.2 * millis))
        }
      )
    )
    const of = (random: number) => Duration.toMillis(RestartPolicy.jittered(Duration.seconds(10), random))
    assert.deepStrictEqual([of(0), of(0.5), of(1)], [8000, 10_000, 12_000])
  })
})

describe("the longest wait", () => {
  it("is that of the server, else half a minute", () => {
    assert.deepStrictEqual(RestartPolicy.longest({ maxDelay: Duration.minutes(2) }), Duration.minutes(2))
    for (const restart of [undefined, false, {}] as const) {
      assert.deepStrictEqual(RestartPolicy.longest(restart), Duration.seconds(30))
    }
  })
})
