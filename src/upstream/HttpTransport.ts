/** A remote server over Streamable HTTP (2025-03-26 to 2025-11-25, basic/transports). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Frame from "../domain/Frame.ts"
import type { Pieces } from "../domain/Pieces.ts"
import { HEADER } from "../domain/Protocol.ts"
import { type Remote, reveal } from "../domain/ServerConfig.ts"
import * as Attached from "./Attached.ts"
import { Conversations } from "./Conversations.ts"
import { HttpAgent, type HttpRequest } from "./HttpAgent.ts"
import * as HttpExchange from "./HttpExchange.ts"
import {
  ConnectionLost,
  type MessageHeaders,
  type Open,
  SessionExpired,
  type Transport,
  type TransportError
} from "./Transport.ts"

/** How often in a row a stream that broke is taken up again without hearing anything on it. */
const MAX_RESUMPTIONS = 5

const FIRST_DELAY_MILLIS = 1000
const MAX_DELAY_MILLIS = 30_000

/** Many servers say with 400 what 404 is for: that they do not know the session (the official examples among them). */
const SAYS_EXPIRED =
  /\b(?:no|not|invalid|unknown|expired|missing)\b[^.]{0,40}\bsession\b|\bsession\b[^.]{0,40}\b(?:not found|not exist|expired|invalid|terminated|unknown)\b/iu

const SESSION_ID = /^[\x21-\x7e]{1,4096}$/u

const POST = { "content-type": "application/json", accept: "application/json, text/event-stream" }

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
      const streams = yield* Conversations.make<number | "standing">()
      let session: string | undefined
      let revision: string | undefined
      /** The headers of a request that has none of its own, until the session or the revision is another. */
      let usual: Record<string, string> | undefined

      const headers = (more: Readonly<Record<string, string>>): Record<string, string> => ({
        ...own,
        ...(session === undefined ? {} : { [HEADER.sessionId]: session }),
        ...(revision === undefined ? {} : { [HEADER.protocolVersion]: revision }),
        ...more
      })

      /**
       * Why the session is over, and nothing was done, if a response says so. 404 does whatever is in it (2025-11-25,
       * basic/transports, §Session Management); 400 in these words, where it does not answer the request itself.
       */
      const expiry = (outcome: HttpExchange.Outcome): SessionExpired | undefined => {
        if (session === undefined) return undefined
        if (outcome.status === 404) return new SessionExpired()
        return outcome.status === 400 && SAYS_EXPIRED.test(outcome.excerpt)
          ? new SessionExpired({ reason: `it ended the session: ${outcome.excerpt}` })
          : undefined
      }

      /** Is it neither of the session nor an answer, but an error of the transport's that borrows the form of one? */
      const isOfTransport = (status: number, bytes: Uint8Array, request: number | undefined): boolean => {
        if (session === undefined || (status !== 404 && status !== 400)) return false
        const frame = Frame.read(bytes)
        return status === 404 || !Frame.isFrame(frame) || frame.id !== request
      }

      const listener = (request: number | undefined, heard: () => void): HttpExchange.Listener => {
        let status = 0
        return {
          head: (head) => {
            status = head.status
            const given = head.header(HEADER.sessionId)
            if (session !== undefined || given === undefined || !SESSION_ID.test(given)) return
            session = given
            usual = undefined
          },
          message: (bytes) => {
            if (isOfTransport(status, bytes, request)) return false
            heard()
            receiver.message(bytes, request)
            return true
          },
          event: () => {}
        }
      }

      const posting = (body: Pieces, more: MessageHeaders | undefined): HttpRequest => ({
        method: "POST",
        url,
        headers: more === undefined ? (usual ??= headers(POST)) : headers({ ...POST, ...more }),
        body
      })

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
        const expired = expiry(outcome)
        return expired === undefined ? HttpExchange.refuse(outcome) : Effect.fail(expired)
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

      /** Sees to the answer to a request that did not come with the response. */
      const missing = (request: number) => (outcome: HttpExchange.Outcome) =>
        Effect.flatMap(check(outcome), () => {
          if (!receiver.isOpen(request)) return Effect.void
          return outcome.streamed ? resume(request, outcome) : Effect.fail(unanswered)
        })

      /** Sends a request and sees to its answer. */
      const converse = (body: Pieces, request: number, more: MessageHeaders | undefined): Effect.Effect<void> =>
        streams.exchange(
          request,
          (ended) =>
            HttpExchange.begin(
              agent,
              posting(body, more),
              listener(request, () => {}),
              ended
            ),
          HttpExchange.concluding(receiver, request, missing(request))
        )

      /** The stream for what no request accounts for. Servers need not have one (405). */
      const standing = Effect.gen(function* () {
        let lastEventId: string | undefined
        let silent = 0
        for (;;) {
          const outcome = yield* get(lastEventId, undefined, () => (silent = 0)).pipe(
            Effect.catch(() => Effect.undefined)
          )
          if (outcome !== undefined && expiry(outcome) !== undefined) {
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
        send: (message, request, more) =>
          request === undefined
            ? HttpExchange.run(
                agent,
                posting(message, undefined),
                listener(undefined, () => {})
              ).pipe(
                Effect.flatMap(check),
                Effect.tapError((error) => Effect.sync(() => HttpExchange.heed(receiver, error))),
                Effect.asVoid
              )
            : converse(message, request, more),
        forget: (request) => streams.end(request),
        unsent: () => false,
        agreed: (agreed) => {
          revision = agreed
          usual = undefined
          const attached = Attached.guard(standing, (why) => Effect.sync(() => receiver.unreachable(why)))
          return streams.begin("standing", attached)
        },
        lost: Effect.never
      }
      return transport
    })
