/** Starts under restraint: one that would be turned down is not tried, and what comes of one is kept for all lanes. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { classify } from "../domain/UpstreamFailure.ts"
import type { Restraint } from "./Restraint.ts"
import { ConnectionLost, evidenceOf, type MessageRefused } from "./Transport.ts"

/** Leaves the server alone for as long as it says, if it does. */
export const heed = (restraint: Restraint, error: ConnectionLost | MessageRefused): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) => void restraint.heed(error, error.reason, now))

const permitted = (restraint: Restraint): Effect.Effect<void, ConnectionLost> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const held = restraint.startHeldAt(now)
    if (held === undefined) return Effect.void
    const { reason, status, until } = held
    const evidence = evidenceOf({ status, retryAfterMillis: until - now })
    return Effect.fail(new ConnectionLost({ ...evidence, reason, unsent: true }))
  })

/** `comesAs` says what answers once it is up: another process, one that was gone, or one that others may be talking to. */
export const restrained = <A, R>(
  start: Effect.Effect<A, ConnectionLost, R>,
  restraint: Restraint,
  comesAs: () => "another" | "gone before" | "before"
): Effect.Effect<A, ConnectionLost, R> => {
  const tried = Effect.tapError(start, (error) =>
    classify(error) === "credentials"
      ? Effect.map(Clock.currentTimeMillis, (now) => restraint.refuse(error.status, error.reason, now))
      : heed(restraint, error)
  )
  return permitted(restraint).pipe(
    Effect.andThen(tried),
    Effect.tap(() =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        restraint.accepted()
        const how = comesAs()
        if (how === "another") restraint.renew()
        if (how === "gone before") restraint.hasten(now)
      })
    )
  )
}
