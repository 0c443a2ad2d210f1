/** What a client sends that is no request: notifications, and answers to questions. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as ClientMessage from "../domain/ClientMessage.ts"
import type { RequestId } from "../domain/Frame.ts"
import * as Pieces from "../domain/Pieces.ts"
import { mayAsk } from "../domain/Lane.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import type { Session } from "./Session.ts"

const isRequestId = (value: unknown): value is RequestId => typeof value === "string" || typeof value === "number"

export const make = Effect.gen(function* () {
  const fleet = yield* Fleet
  const catalog = yield* Catalog

  /** Takes a notification. What nobody here is concerned with is dropped, as JSON-RPC has it. */
  const notified = (session: Session, notice: ClientMessage.Notification): Effect.Effect<void> => {
    switch (notice.method) {
      case "notifications/cancelled": {
        const id = notice.params?.get("requestId")
        return Effect.sync(() => (isRequestId(id) ? session.calls.get(id)?.cancel() : undefined))
      }
      case "notifications/progress": {
        const question = session.questions.get(String(notice.params?.get("progressToken")))
        return Effect.sync(() => {
          if (question?.token === undefined) return
          const progressToken: unknown = JSON.parse(Buffer.from(question.token).toString())
          question.progress(Pieces.join(ClientMessage.encode(notice, undefined, { progressToken })))
        })
      }
      case "notifications/roots/list_changed":
        return Effect.forEach(
          catalog.section(session.endpoint, session.caller.principal).servers,
          (server) => {
            const upstream = fleet.peek(server, session.caller)
            return upstream !== undefined && mayAsk(upstream.lane, "roots")
              ? upstream.notify(Pieces.join(ClientMessage.encode(notice, undefined, {})))
              : Effect.void
          },
          { discard: true }
        )
      default:
        return Effect.void
    }
  }

  /** Takes the answer to a question. One to a question that is not open (any more) is dropped. */
  const answered = (session: Session, response: ClientMessage.Response): Effect.Effect<void> =>
    Effect.suspend(() => {
      const question = session.questions.get(String(response.requestId))
      if (question === undefined) return Effect.void
      return Effect.asVoid(Deferred.succeed(question.answer, { outcome: response.outcome, body: response.body }))
    })

  return { notified, answered }
})
