/** Parts of the program that should live for ever: begun again where they die, and not allowed to stay dead unnoticed. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { logger } from "./Logging.ts"

const log = logger("main")

/** A part died again and again, and is given up; without it the program is no longer what it should be. */
export class PartLost extends Schema.TaggedError<PartLost>()("PartLost", {
  part: Schema.String,
  /** How often it was begun again in vain. */
  attempts: Schema.Finite,
  reason: Schema.String
}) {
  override get message(): string {
    const tried = this.attempts === 0 ? "" : `, and ${this.attempts} restarts did not help`
    return `${this.part} died${tried}: ${this.reason}`
  }
}

/** Is told of every part that is given up. `untilLost` sets it; without that, the log alone says so. */
export const OnLost = Context.Reference<(lost: PartLost) => Effect.Effect<void>>(
  "mcp-proxy/observability/Vital/OnLost",
  { defaultValue: () => () => Effect.void }
)

/** A part that lived this long has recovered: its next death is its first again. */
const STABLE = Duration.minutes(1)

const MAX_ATTEMPTS = 10
const FIRST_DELAY = Duration.seconds(1)
const MAX_DELAY = Duration.seconds(30)

/** How long to wait before the attempt of that number, from 0: 1, 2, 4 … 30 s. */
const delayBefore = (attempt: number): Duration.Duration =>
  Duration.min(MAX_DELAY, Duration.times(FIRST_DELAY, 2 ** attempt))

const ENDED = "it ended by itself"

const reasonOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return ENDED
  const error = Cause.squash(exit.cause)
  return error instanceof Error ? error.message : String(error)
}

/** Gives a part up: the log says so, and whoever is to be told is told. Waits for ever, for there is nothing else to do. */
export const lose = (lost: PartLost, cause?: Cause.Cause<unknown>): Effect.Effect<never> =>
  Effect.gen(function* () {
    yield* log.critical(lost.message, {}, cause)
    const tell = yield* OnLost
    yield* tell(lost)
    return yield* Effect.never
  })

/**
 * Runs a part for ever. Whenever it fails, dies of a defect or ends, the log has the cause, and it is run again after 1,
 * 2, 4 … 30 s; after ten restarts in a row, none of which lived for a minute, it is given up (`OnLost`). `part` begins a
 * sentence: "The sweep over sessions".
 */
export const forever = <A, E, R>(part: string, work: Effect.Effect<A, E, R>): Effect.Effect<never, never, R> =>
  Effect.gen(function* () {
    let attempts = 0
    for (;;) {
      const began = yield* Clock.currentTimeMillis
      const exit = yield* Effect.exit(work)
      if ((yield* Clock.currentTimeMillis) - began >= Duration.toMillis(STABLE)) attempts = 0
      const cause = Exit.isFailure(exit) ? exit.cause : undefined
      const reason = reasonOf(exit)
      if (attempts >= MAX_ATTEMPTS) return yield* lose(new PartLost({ part, attempts, reason }), cause)
      const delay = delayBefore(attempts++)
      yield* log.error(`${part} died and begins again in ${Duration.format(delay)}: ${reason}`, {}, cause)
      yield* Effect.sleep(delay)
    }
  })

/** The same beside everything else, for as long as the scope lives. */
export const fork = <A, E, R>(
  part: string,
  work: Effect.Effect<A, E, R>
): Effect.Effect<void, never, R | Scope.Scope> => Effect.asVoid(Effect.forkScoped(forever(part, work)))

/**
 * Runs a program until it ends, or until a part of it is given up: then it is interrupted, its finalizers run, and the
 * failure is `PartLost`, for whoever runs it to make of it what they like. The command line ends with exit code 1.
 */
export const untilLost = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E | PartLost, R> =>
  Effect.suspend(() => {
    const lost = Deferred.makeUnsafe<never, PartLost>()
    return Effect.raceFirst(
      Effect.provideService(program, OnLost, (part) => Effect.asVoid(Deferred.fail(lost, part))),
      Deferred.await(lost)
    )
  })
