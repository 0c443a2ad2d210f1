/** Work that a connection cannot do without: it must not die and leave the connection behind, deaf. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { logger } from "../observability/Logging.ts"
import { ConnectionLost } from "./Transport.ts"

const log = logger("upstream")

/** Ends the connection, or what of it the work is for. */
export type Lose<E = never> = (why: ConnectionLost) => Effect.Effect<unknown, E>

const REASON = "an error of the proxy's own; its log says more"

/** Does the work; where it dies of a defect, the log has the cause, and what it belongs to is lost. */
export const guard = <A, E, R, E2>(work: Effect.Effect<A, E, R>, lose: Lose<E2>): Effect.Effect<void, E | E2, R> =>
  Effect.catchCauseIf(Effect.asVoid(work), Cause.hasDies, (cause) =>
    Effect.andThen(
      log.error("What belongs to a connection died, and so does the connection", {}, cause),
      Effect.asVoid(lose(new ConnectionLost({ reason: REASON, unsent: false })))
    )
  )

/** The same beside everything else, for as long as the scope lives. */
export const fork = <A, R>(work: Effect.Effect<A, never, R>, lose: Lose): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.asVoid(Effect.forkScoped(guard(work, lose)))
