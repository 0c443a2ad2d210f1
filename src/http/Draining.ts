/** The time between the decision to stop and the end. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"

/** Three steps: announced, begun once no new connections are taken, ended once what was left has had its time. */
export class Draining extends Context.Service<
  Draining,
  {
    /** Whoever asks whether we are ready is told no. All else is as ever. */
    readonly announce: Effect.Effect<void>
    /** Is it announced, or further? */
    readonly isOn: () => boolean
    /** Ends what merely stands. Requests that still come are answered. */
    readonly begin: Effect.Effect<void>
    /** Waits for the beginning. */
    readonly begun: Effect.Effect<void>
    /** Ends every stream, and takes no requests any more. */
    readonly end: Effect.Effect<void>
    /** Has it ended? */
    readonly isOver: () => boolean
    /** Waits for the end of all streams. */
    readonly ended: Effect.Effect<void>
  }
>()("mcp-proxy/http/Draining") {
  static readonly layer: Layer.Layer<Draining> = Layer.effect(
    Draining,
    Effect.gen(function* () {
      const begun = yield* Latch.make(false)
      const ended = yield* Latch.make(false)
      let isOn = false
      let isOver = false
      const announce = Effect.sync(() => {
        isOn = true
      })
      const over = Effect.sync(() => {
        isOver = true
      })
      return Draining.of({
        announce,
        isOn: () => isOn,
        begin: Effect.andThen(announce, begun.open),
        begun: begun.await,
        end: Effect.andThen(over, ended.open),
        isOver: () => isOver,
        ended: ended.await
      })
    })
  )
}
