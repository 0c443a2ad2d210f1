/** Ends what a client listens to once the grant behind it is taken back. Its next request is refused at the door. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Principal } from "../domain/Principal.ts"
import { Listens } from "../gateway/Listens.ts"
import { Sessions } from "../gateway/Sessions.ts"
import * as Vital from "../observability/Vital.ts"
import { Revocations } from "./server/Revocations.ts"

/** Runs for as long as sign-in does. */
export const layer: Layer.Layer<never, never, Revocations | Listens | Sessions> = Layer.effectDiscard(
  Effect.gen(function* () {
    const revocations = yield* Revocations
    const sessions = yield* Sessions
    const listens = yield* Listens
    const isRevoked = ({ grantId }: Principal): boolean => grantId !== undefined && revocations.isRevoked(grantId)
    const end = Effect.sync(() => {
      listens.end(({ caller }) => isRevoked(caller.principal))
      for (const { caller, standingStreams } of sessions.all()) {
        if (isRevoked(caller.principal)) for (const stream of standingStreams) stream.finish()
      }
    })
    // What was taken back while it was not looked for is found at the beginning.
    const hints = Stream.merge(Stream.make(""), revocations.revoked)
    yield* Vital.fork(
      "Ending the streams of revoked grants",
      Stream.runForEach(hints, () => end)
    )
  })
)
