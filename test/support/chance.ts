/** Chance in the hands of a test. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** Every draw is this one, of [0, 1); 0.5 makes every jitter none. */
export const always =
  (value: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, Random.Random, {
      nextDoubleUnsafe: () => value,
      nextIntUnsafe: () => Math.floor(value * Number.MAX_SAFE_INTEGER)
    })
