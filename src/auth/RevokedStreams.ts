/** Ends what a client listens to once the grant behind it is taken back. Its next request is refused at the door. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Listens } from "../gateway/Listens.ts"
import { Sessions } from "../gateway/Sessions.ts"
import { Revocations } from "./server/Revocations.ts"

/** Runs for as long as sign-in does. */
export const layer: Layer.Layer<never, never, Revocations | Listens | Sessions> = Layer.effectDiscard(
  Effect.gen(function* () {
    const revocations = yield* Revocations
    const sessions = yield* Sessions
    const listens = yield* Listens
    const end = (grantId: string): Effect.Effect<void> =>
      Effect.sync(() => {
        listens.end(({ caller }) => caller.principal.grantId === grantId)
        for (const { caller, standingStreams } of sessions.all()) {
          if (caller.principal.grantId !== grantId) continue
          for (const stream of standingStreams) stream.finish()
        }
      })
    yield* Effect.forkScoped(Stream.runForEach(revocations.revoked, end))
  })
)
