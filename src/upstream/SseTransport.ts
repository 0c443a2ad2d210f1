/**
 * A remote server over HTTP+SSE (2024-11-05, basic/transports): one standing stream for all that it says, and an address,
 * named on that stream, to POST to.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Pieces } from "../domain/Pieces.ts"
import { HEADER } from "../domain/Protocol.ts"
import { type Remote, reveal } from "../domain/ServerConfig.ts"
import * as Attached from "./Attached.ts"
import { Conversations } from "./Conversations.ts"
import { HttpAgent, type HttpRequest } from "./HttpAgent.ts"
import * as HttpExchange from "./HttpExchange.ts"
import { headersOf } from "./HttpTransport.ts"
import {
  asLost,
  ConnectionLost,
  type MessageHeaders,
  MessageRefused,
  type Open,
  type Transport,
  type TransportError
} from "./Transport.ts"

const silent: HttpExchange.Listener = { head: () => {}, message: () => {}, event: () => {} }

/** Opens the stream and waits for the address. Elsewhere than on the stream's own origin nothing is sent. */
export const open =
  (remote: Remote): Open<HttpAgent> =>
  (receiver) =>
    Effect.gen(function* () {
      const agent = yield* HttpAgent
      const url = new URL(reveal(remote.url))
      const own = headersOf(remote)
      const lost = yield* Deferred.make<never, ConnectionLost>()
      const endpoint = yield* Deferred.make<URL, MessageRefused>()
      const posts = yield* Conversations.make<number>()
      let revision: string | undefined

      const listen = HttpExchange.run(
        agent,
        { method: "GET", url, headers: { ...own, accept: "text/event-stream" } },
        {
          head: () => {},
          message: (bytes) => receiver.message(bytes, undefined),
          event: (type, data) => {
            if (type !== "endpoint") return
            const target = URL.canParse(data, url.href) ? new URL(data, url) : undefined
            Deferred.doneUnsafe(
              endpoint,
              target?.origin === url.origin
                ? Effect.succeed(target)
                : Effect.fail(new MessageRefused({ reason: `it wants messages sent to another origin (${data})` }))
            )
          }
        }
      ).pipe(
        Effect.flatMap((outcome): Effect.Effect<never, TransportError> =>
          outcome.streamed
            ? Effect.fail(new ConnectionLost({ reason: "it ended its event stream", unsent: false }))
            : HttpExchange.refuse(outcome)
        ),
        Effect.catch((error) => Deferred.fail(lost, asLost(error)))
      )
      yield* Attached.fork(listen, (why) => Deferred.fail(lost, why))
      const target = yield* Effect.raceFirst(Deferred.await(endpoint), Deferred.await(lost))

      const posting = (message: Pieces, more: MessageHeaders | undefined): HttpRequest => ({
        method: "POST",
        url: target,
        headers: {
          ...own,
          "content-type": "application/json",
          ...more,
          ...(revision === undefined ? {} : { [HEADER.protocolVersion]: revision })
        },
        body: message
      })

      const taken = (outcome: HttpExchange.Outcome): Effect.Effect<void, TransportError> =>
        outcome.status < 400 ? Effect.void : HttpExchange.refuse(outcome)

      // The answer comes on the stream, and so does the end of a request that is given up: nobody waits for a server that
      // does not even say that it has the message.
      const handOver = (message: Pieces, request: number, more: MessageHeaders | undefined): Effect.Effect<void> =>
        posts.exchange(
          request,
          (ended) => HttpExchange.begin(agent, posting(message, more), silent, ended),
          HttpExchange.concluding(receiver, request, taken)
        )

      const tell = (message: Pieces, more: MessageHeaders | undefined): Effect.Effect<void, TransportError> =>
        HttpExchange.run(agent, posting(message, more), silent).pipe(
          Effect.flatMap(taken),
          Effect.tapError((error) => Effect.sync(() => HttpExchange.heed(receiver, error)))
        )

      const transport: Transport = {
        forgettingCancels: false,
        send: (message, request, more) =>
          request === undefined ? tell(message, more) : handOver(message, request, more),
        forget: (request) => posts.end(request),
        unsent: () => false,
        agreed: (agreed) =>
          Effect.sync(() => {
            revision = agreed
          }),
        lost: Deferred.await(lost)
      }
      return transport
    })
