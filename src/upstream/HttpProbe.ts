/** Asking a remote server for its era, before any transport is opened to it. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Frame from "../domain/Frame.ts"
import type * as Pieces from "../domain/Pieces.ts"
import { HEADER, type ModernRevision } from "../domain/Protocol.ts"
import { type Remote, reveal } from "../domain/ServerConfig.ts"
import { HttpAgent } from "./HttpAgent.ts"
import * as HttpExchange from "./HttpExchange.ts"
import * as ModernHttpTransport from "./ModernHttpTransport.ts"
import type * as Negotiation from "./Negotiation.ts"
import type { MessageRefused, TransportError } from "./Transport.ts"

const responseIn = (bytes: Uint8Array): Frame.Frame | undefined => {
  const frame = Frame.read(bytes)
  return Frame.isFrame(frame) && frame.kind === "response" ? frame : undefined
}

const said = ({ reason, retryAfterMillis }: MessageRefused) => ({
  reason,
  ...(retryAfterMillis === undefined ? {} : { retryAfterMillis })
})

/** Sends server/discover, and takes whatever comes back for the answer to it. */
export const discover = (
  remote: Remote,
  revision: ModernRevision,
  message: Pieces.Pieces
): Effect.Effect<Negotiation.Outcome, TransportError, HttpAgent> =>
  Effect.gen(function* () {
    const agent = yield* HttpAgent
    const answered = yield* Deferred.make<Negotiation.Outcome>()
    let status = 0
    const exchange = HttpExchange.run(
      agent,
      {
        method: "POST",
        url: new URL(reveal(remote.url)),
        headers: { ...ModernHttpTransport.postHeaders(remote, revision), [HEADER.method]: "server/discover" },
        body: message
      },
      {
        head: (head) => {
          status = head.status
        },
        message: (bytes) => {
          const frame = responseIn(bytes)
          // Whoever refuses is asked for the reason too, which is whole at the end.
          if (frame === undefined || status >= 400) return
          Deferred.doneUnsafe(answered, Effect.succeed({ _tag: "Answered", frame }))
        },
        event: () => {}
      }
    )
    const answer = Effect.all([exchange, Clock.currentTimeMillis])
    const refused = Effect.map(answer, ([outcome, now]): Negotiation.Outcome => ({
      _tag: "Refused",
      status: outcome.status,
      frame: responseIn(outcome.body),
      ...said(HttpExchange.refusalAt(outcome, now))
    }))
    yield* Effect.raceFirst(
      Deferred.await(answered),
      Effect.flatMap(refused, (outcome) => Deferred.succeed(answered, outcome))
    )
    return yield* Deferred.await(answered)
  })
