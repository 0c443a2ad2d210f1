/** Streams of which something is to be done at their beginning and at their end. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * The stream; `begun` is called when somebody begins to run it, and `over` once they are done with it, however that came.
 * `Stream.suspend` and `Stream.ensuring` do as much, and keep what belongs to a stream in memory for seconds (docs/decisions.md, 93).
 */
export const around = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
  begun: () => void,
  over: () => void
): Stream.Stream<A, E, R> =>
  Stream.transformPull(stream, (pull, scope) =>
    Effect.suspend(() => {
      begun()
      return Effect.as(Scope.addFinalizer(scope, Effect.sync(over)), pull)
    })
  )

/** The same where there is nothing to do before. */
export const whenOver = <A, E, R>(stream: Stream.Stream<A, E, R>, over: () => void): Stream.Stream<A, E, R> =>
  around(stream, () => {}, over)
