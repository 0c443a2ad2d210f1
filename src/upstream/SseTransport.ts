/**
 * A remote server over HTTP+SSE (2024-11-05, basic/transports): one standing stream for all that it says, and an address,
 * named on that stream, to POST to.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { HEADER } from "../domain/Protocol.ts"
import { type Remote, reveal } from "../domain/ServerConfig.ts"
import * as Attached from "./Attached.ts"
import { HttpAgent } from "./HttpAgent.ts"
import * as HttpExchange from "./HttpExchange.ts"
import { headersOf } from "./HttpTransport.ts"
import { asLost, ConnectionLost, MessageRefused, type Open, type Transport, type TransportError } from "./Transport.ts"

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

      const transport: Transport = {
        forgettingCancels: false,
        send: (message, _, more) =>
          HttpExchange.run(
            agent,
            {
              method: "POST",
              url: target,
              headers: {
                ...own,
                "content-type": "application/json",
                ...more,
                ...(revision === undefined ? {} : { [HEADER.protocolVersion]: revision })
              },
              body: message
            },
            silent
          ).pipe(
            Effect.flatMap((outcome) => (outcome.status < 400 ? Effect.void : HttpExchange.refuse(outcome))),
            Effect.tapErrorTag("ConnectionLost", (error) =>
              Effect.sync(() => (error.unsent ? receiver.unreachable(error) : undefined))
            )
          ),
        forget: () => Effect.void,
        unsent: () => false,
        agreed: (agreed) =>
          Effect.sync(() => {
            revision = agreed
          }),
        lost: Deferred.await(lost)
      }
      return transport
    })
