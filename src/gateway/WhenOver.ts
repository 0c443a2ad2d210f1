/** Streams of which something is to be done at their end. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * The stream, and what is done once whoever runs it is done with it, however that came. `Stream.ensuring` does it a moment
 * earlier, and keeps what belongs to the stream in memory for seconds (docs/performance.md).
 */
export const whenOver = <A, E, R>(stream: Stream.Stream<A, E, R>, action: () => void): Stream.Stream<A, E, R> =>
  Stream.transformPull(stream, (pull, scope) => Effect.as(Scope.addFinalizer(scope, Effect.sync(action)), pull))
