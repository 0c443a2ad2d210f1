/** Letting other fibers run until they wait for something. */
import * as Effect from "effect/Effect"

/** Gives way to all other fibers, again and again, until whatever could happen without time passing has happened. */
export const settle: Effect.Effect<void> = Effect.repeat(Effect.yieldNow, { times: 100 }).pipe(Effect.asVoid)
