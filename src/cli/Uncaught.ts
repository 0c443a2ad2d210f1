/** Errors that nobody caught: the end of the program, but an orderly one. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Terminal from "./Terminal.ts"

/** Something was thrown, or a promise rejected, where nobody looked. It is a fault of the program's own. */
export class Uncaught extends Schema.TaggedError<Uncaught>()("Uncaught", { cause: Schema.Unknown }) {
  override get message(): string {
    const { cause } = this
    return `Stopped by an error that nobody caught: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`
  }
}

/** Who is to be told; of several, the innermost. */
const listeners: Array<(error: unknown) => void> = []
const tell = (error: unknown): void => listeners.at(-1)?.(error)
const EVENTS = ["uncaughtException", "unhandledRejection"] as const

const listen = (listener: (error: unknown) => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      if (listeners.length === 0) for (const event of EVENTS) process.on(event, tell)
      listeners.push(listener)
    }),
    () =>
      Effect.sync(() => {
        listeners.splice(listeners.indexOf(listener), 1)
        if (listeners.length === 0) for (const event of EVENTS) process.off(event, tell)
      })
  )

/**
 * Runs a program; with the first error that nobody caught it is interrupted, its finalizers run, and it fails with that
 * error. `onFirst` hears of it before.
 */
export const guard = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  onFirst: (error: Uncaught) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<A, E | Uncaught, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const first = Deferred.makeUnsafe<never, Uncaught>()
      yield* listen((cause) => {
        const error = new Uncaught({ cause })
        // What goes wrong besides, on the way out, must neither stop the finalizers nor be lost.
        if (!Deferred.doneUnsafe(first, Effect.fail(error))) Terminal.stderr.write(error.message)
      })
      return yield* Effect.raceFirst(program, Effect.tapError(Deferred.await(first), onFirst))
    })
  )
