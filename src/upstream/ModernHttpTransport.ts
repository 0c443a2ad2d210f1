/** A remote server over Streamable HTTP without sessions (2026-07-28, basic/transports/streamable-http). */
import * as Effect from "effect/Effect"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import { HEADER, isModernError, type ModernRevision } from "../domain/Protocol.ts"
import { type Remote, reveal } from "../domain/ServerConfig.ts"
import * as Attached from "./Attached.ts"
import { Conversations } from "./Conversations.ts"
import { HttpAgent } from "./HttpAgent.ts"
import * as HttpExchange from "./HttpExchange.ts"
import { headersOf } from "./HttpTransport.ts"
import { ConnectionLost, type Open, type Transport, type TransportError } from "./Transport.ts"

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

      const converse = (body: Pieces.Pieces, request: number, headers: Readonly<Record<string, string>> | undefined) =>
        HttpExchange.run(
          agent,
          { method: "POST", url, headers: { ...own, ...headers }, body },
          { head: () => {}, message: (bytes) => receiver.message(bytes, request), event: () => {} }
        ).pipe(
          Effect.flatMap((outcome): Effect.Effect<void, TransportError> => {
            if (outcome.status >= 400)
              for (const error of claimed(outcome.body, request)) receiver.message(error, request)
            if (!receiver.isOpen(request)) return Effect.void
            if (outcome.status >= 400) return HttpExchange.refuse(outcome)
            const reason = outcome.streamed ? "the answering stream ended without the answer" : "its answer held none"
            return Effect.fail(new ConnectionLost({ reason, unsent: false }))
          }),
          Effect.catch((error) =>
            Effect.sync(() => {
              if (error._tag === "ConnectionLost" && error.unsent) receiver.unreachable(error)
              receiver.failed(request, error)
            })
          ),
          (conversation) => Attached.guard(conversation, (why) => Effect.sync(() => receiver.failed(request, why)))
        )

      const transport: Transport = {
        // §Cancellation: the closed stream says it.
        forgettingCancels: true,
        // §Sending Messages: clients send no responses, and there are no notifications for them to send.
        send: (message, request, headers) =>
          request === undefined ? Effect.void : exchanges.begin(request, converse(message, request, headers)),
        forget: (request) => exchanges.end(request),
        unsent: () => false,
        agreed: () => Effect.void,
        lost: Effect.never
      }
      return transport
    })
