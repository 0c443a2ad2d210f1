/** A remote server over Streamable HTTP without sessions (2026-07-28, basic/transports/streamable-http). */
import * as Effect from "effect/Effect"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import { HEADER, isModernError, type ModernRevision } from "../domain/Protocol.ts"
import { type Remote, reveal } from "../domain/ServerConfig.ts"
import { Conversations } from "./Conversations.ts"
import { HttpAgent } from "./HttpAgent.ts"
import * as HttpExchange from "./HttpExchange.ts"
import { headersOf } from "./HttpTransport.ts"
import { ConnectionLost, type MessageHeaders, type Open, type Transport, type TransportError } from "./Transport.ts"

/** The headers of a POST in this revision, before those that mirror its body. */
export const postHeaders = (remote: Remote, revision: ModernRevision): Record<string, string> => ({
  ...headersOf(remote),
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  [HEADER.protocolVersion]: revision
})

/** An error of the protocol's own that names no request, under the id of the only one it can be for. */
const claimed = (body: Uint8Array, request: number): ReadonlyArray<Uint8Array> => {
  const frame = Frame.read(body)
  if (!Frame.isFrame(frame) || frame.error === undefined || frame.id !== null) return []
  return isModernError(Frame.errorCode(frame)) ? [Pieces.join(Frame.withId(frame, Json.encode(request)))] : []
}

/** Each request is an exchange of its own: nothing is opened, ended or taken up again. */
export const open =
  (remote: Remote, revision: ModernRevision): Open<HttpAgent> =>
  (receiver) =>
    Effect.gen(function* () {
      const agent = yield* HttpAgent
      const url = new URL(reveal(remote.url))
      const own = postHeaders(remote, revision)
      const exchanges = yield* Conversations.make<number>()

      /** Sees to the answer to a request that did not come with the response, or not under its id. */
      const missing =
        (request: number) =>
        (outcome: HttpExchange.Outcome): Effect.Effect<void, TransportError> => {
          if (outcome.status >= 400)
            for (const error of claimed(outcome.body, request)) receiver.message(error, request)
          if (!receiver.isOpen(request)) return Effect.void
          if (outcome.status >= 400) return HttpExchange.refuse(outcome)
          const reason = outcome.streamed ? "the answering stream ended without the answer" : "its answer held none"
          return Effect.fail(new ConnectionLost({ reason, unsent: false }))
        }

      const converse = (body: Pieces.Pieces, request: number, headers: MessageHeaders | undefined) =>
        exchanges.exchange(
          request,
          (ended) =>
            HttpExchange.begin(
              agent,
              { method: "POST", url, headers: { ...own, ...headers }, body },
              { head: () => {}, message: (bytes) => receiver.message(bytes, request), event: () => {} },
              ended
            ),
          HttpExchange.concluding(receiver, request, missing(request))
        )

      const transport: Transport = {
        // §Cancellation: the closed stream says it.
        forgettingCancels: true,
        // §Sending Messages: clients send no responses, and there are no notifications for them to send.
        send: (message, request, headers) =>
          request === undefined ? Effect.void : converse(message, request, headers),
        forget: (request) => exchanges.end(request),
        unsent: () => false,
        agreed: () => Effect.void,
        lost: Effect.never
      }
      return transport
    })
