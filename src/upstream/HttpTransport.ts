/** A remote server over Streamable HTTP (2025-03-26 to 2025-11-25, basic/transports). */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Redacted from "effect/Redacted"
import { HEADER } from "../domain/Protocol.ts"
import { type Remote, reveal } from "../domain/ServerConfig.ts"
import { HttpAgent } from "./HttpAgent.ts"
import * as HttpExchange from "./HttpExchange.ts"
import { ConnectionLost, type Open, SessionExpired, type Transport, type TransportError } from "./Transport.ts"

/** How often in a row a stream that broke is taken up again without hearing anything on it. */
const MAX_RESUMPTIONS = 5

const FIRST_DELAY_MILLIS = 1000
const MAX_DELAY_MILLIS = 30_000

const SESSION_ID = /^[\x21-\x7e]{1,4096}$/u

const growing = (attempt: number): number => Math.min(MAX_DELAY_MILLIS, FIRST_DELAY_MILLIS * 1.5 ** attempt)

/** The configured headers in lower case. */
export const headersOf = (remote: Remote): Record<string, string> =>
  Object.fromEntries(Object.entries(remote.headers).map(([name, value]) => [name.toLowerCase(), Redacted.value(value)]))

/** Opens nothing yet: the session begins with the answer to `initialize`. Closing ends it with DELETE. */
export const open =
  (remote: Remote): Open<HttpAgent> =>
  (receiver) =>
    Effect.gen(function* () {
      const agent = yield* HttpAgent
      const url = new URL(reveal(remote.url))
      const own = headersOf(remote)
      const lost = yield* Deferred.make<never, ConnectionLost>()
      const streams = yield* FiberMap.make<number | "standing">()
      let session: string | undefined
      let revision: string | undefined

      const headers = (more: Readonly<Record<string, string>>): Record<string, string> => ({
        ...own,
        ...(session === undefined ? {} : { [HEADER.sessionId]: session }),
        ...(revision === undefined ? {} : { [HEADER.protocolVersion]: revision }),
        ...more
      })

      const listener = (request: number | undefined, heard: () => void): HttpExchange.Listener => ({
        head: (head) => {
          const given = head.header(HEADER.sessionId)
          if (session === undefined && given !== undefined && SESSION_ID.test(given)) session = given
        },
        message: (bytes) => {
          heard()
          receiver.message(bytes, request)
        },
        event: () => {}
      })

      const post = (body: Uint8Array, request: number | undefined) =>
        HttpExchange.run(
          agent,
          {
            method: "POST",
            url,
            headers: headers({ "content-type": "application/json", accept: "application/json, text/event-stream" }),
            body
          },
          listener(request, () => {})
        ).pipe(
          Effect.tapErrorTag("ConnectionLost", (error) => (error.unsent ? Deferred.fail(lost, error) : Effect.void))
        )

      const get = (lastEventId: string | undefined, request: number | undefined, heard: () => void) =>
        HttpExchange.run(
          agent,
          {
            method: "GET",
            url,
            headers: headers({
              accept: "text/event-stream",
              ...(lastEventId === undefined ? {} : { [HEADER.lastEventId]: lastEventId })
            })
          },
          listener(request, heard)
        )

      /** What is wrong with an answer, if anything is. */
      const check = (outcome: HttpExchange.Outcome): Effect.Effect<HttpExchange.Outcome, TransportError> => {
        if (outcome.status < 400) return Effect.succeed(outcome)
        return Effect.fail(
          outcome.status === 404 && session !== undefined ? new SessionExpired() : HttpExchange.refusal(outcome)
        )
      }

      const unanswered = new ConnectionLost({ reason: "the answering stream ended without the answer", unsent: false })

      /** Takes up a stream that ended before the answer came, as often as there is something to hear on it. */
      const resume = Effect.fnUntraced(function* (request: number, first: HttpExchange.Outcome) {
        // The server has taken the request, so nothing that goes wrong now says that it did not act on it.
        const unresumed = (error: TransportError) => {
          if (error._tag === "SessionExpired") receiver.expired()
          const reason = `its stream could not be taken up again: ${error.message}`
          return new ConnectionLost({ reason, unsent: false })
        }
        let { lastEventId, retryMillis } = first
        let silent = 0
        while (receiver.isOpen(request)) {
          if (lastEventId === undefined || silent >= MAX_RESUMPTIONS) return yield* unanswered
          receiver.polling(request, retryMillis)
          yield* Effect.sleep(Duration.millis(retryMillis ?? growing(silent)))
          silent++
          const again = yield* get(lastEventId, request, () => (silent = 0)).pipe(
            Effect.flatMap(check),
            Effect.catchTag("ConnectionLost", () => Effect.undefined),
            Effect.mapError(unresumed)
          )
          lastEventId = again?.lastEventId ?? lastEventId
          retryMillis = again?.retryMillis ?? retryMillis
        }
      })

      /** Sends a request and sees to its answer. */
      const converse = (body: Uint8Array, request: number): Effect.Effect<void> =>
        post(body, request).pipe(
          Effect.flatMap(check),
          Effect.flatMap((outcome) => {
            if (!receiver.isOpen(request)) return Effect.void
            return outcome.streamed ? resume(request, outcome) : Effect.fail(unanswered)
          }),
          Effect.catch((error) => Effect.sync(() => receiver.failed(request, error)))
        )

      /** The stream for what no request accounts for. Servers need not have one (405). */
      const standing = Effect.gen(function* () {
        let lastEventId: string | undefined
        let silent = 0
        for (;;) {
          const outcome = yield* get(lastEventId, undefined, () => (silent = 0)).pipe(
            Effect.catch(() => Effect.undefined)
          )
          if (outcome !== undefined && outcome.status === 404 && session !== undefined) {
            receiver.expired()
            return
          }
          if (outcome !== undefined && outcome.status >= 400 && outcome.status < 500) return
          lastEventId = outcome?.lastEventId ?? lastEventId
          yield* Effect.sleep(Duration.millis(outcome?.retryMillis ?? growing(silent++)))
        }
      })

      yield* Effect.addFinalizer(() =>
        session === undefined
          ? Effect.void
          : HttpExchange.run(
              agent,
              { method: "DELETE", url, headers: headers({}) },
              listener(undefined, () => {})
            ).pipe(Effect.timeout("2 seconds"), Effect.ignore)
      )

      const transport: Transport = {
        forgettingCancels: false,
        send: (message, request) =>
          request === undefined
            ? Effect.asVoid(Effect.flatMap(post(message, undefined), check))
            : Effect.asVoid(FiberMap.run(streams, request, converse(message, request))),
        forget: (request) => FiberMap.remove(streams, request),
        agreed: (agreed) => {
          revision = agreed
          return Effect.asVoid(FiberMap.run(streams, "standing", standing))
        },
        lost: Deferred.await(lost)
      }
      return transport
    })
