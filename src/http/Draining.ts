/** The time between the decision to stop and the end. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"

/** Open once the proxy takes nothing new; `closed` once what was left has had its time. */
export class Draining extends Context.Service<
  Draining,
  {
    readonly begin: Effect.Effect<void>
    /** Is nothing new taken any more? */
    readonly isOn: () => boolean
    /** Waits for the beginning. */
    readonly begun: Effect.Effect<void>
    /** Ends every stream. */
    readonly end: Effect.Effect<void>
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
      return Draining.of({
        begin: Effect.andThen(
          Effect.sync(() => {
            isOn = true
          }),
          begun.open
        ),
        isOn: () => isOn,
        begun: begun.await,
        end: Effect.asVoid(ended.open),
        ended: ended.await
      })
    })
  )
}
