/** A call of a legacy client's: what its server says meanwhile goes to the session, as messages of their own. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Request } from "../domain/ClientMessage.ts"
import type { Headers } from "../domain/Era.ts"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import { isSince, type LogLevel } from "../domain/Protocol.ts"
import type { ServerId } from "../domain/ServerId.ts"
import type { Use } from "../fleet/Deployment.ts"
import type { Span } from "../observability/Tracing.ts"
import { type Answer, type CallHandlers, unanswerable } from "../upstream/Rpc.ts"
import type { Admission } from "./Limits.ts"
import { aside, type Conclusion, type Exchange, isWanted, progressFor, published, type Rename } from "./Exchange.ts"
import * as InputRequired from "./InputRequired.ts"
import { Bounds } from "./Parking.ts"
import { mayBeAsked } from "./Questions.ts"
import type { ReplyChannel } from "./ReplyChannel.ts"
import type { Session } from "./Session.ts"

/**
 * Puts a question to a call's client, and waits for the answer that it POSTs, as long as a modern client is waited for. If
 * whoever asked loses interest, or it has taken too long, the client is told.
 */
const askClient = (
  exchange: SessionExchange,
  question: Frame.Frame,
  toServer: (message: Uint8Array) => void
): Effect.Effect<Answer> =>
  Effect.suspend(() => {
    const { channel, session } = exchange
    if (!mayBeAsked(session.caller.capabilities, question)) {
      return Effect.succeed(unanswerable(`The client did not declare what ${question.method} needs`))
    }
    const id = session.nextQuestionId()
    const by = Json.encode(id)
    const token = Frame.at(question, "_meta", "progressToken")
    const edits = [
      ...question.ids.map((span) => ({ span, by })),
      ...(token === undefined ? [] : [{ span: token, by }])
    ].sort((a, b) => a.span.start - b.span.start)
    const answer = Deferred.makeUnsafe<Answer>()
    session.questions.set(id, {
      answer,
      progress: toServer,
      token: token === undefined ? undefined : question.bytes.subarray(token.start, token.end)
    })
    if (!channel.emit(Pieces.join(Json.splice(question.bytes, edits)))) {
      session.questions.delete(id)
      const why = channel.whyNoStream ?? "its call is over"
      return Effect.succeed(unanswerable(`The client cannot be asked: ${why}`))
    }
    const asked = Effect.onInterrupt(aside(exchange, Deferred.await(answer)), () =>
      Effect.sync(() => {
        const params = { requestId: id, reason: "nobody waits for the answer any more" }
        channel.emit(Json.encode({ jsonrpc: "2.0", method: "notifications/cancelled", params }))
      })
    )
    // Its client may have gone without a word, and the server waits for nobody but it.
    const late = Effect.succeed(InputRequired.cancelled(question.method))
    return Effect.flatMap(Bounds, ({ time }) =>
      Effect.timeoutOrElse(asked, { duration: time, orElse: () => late })
    ).pipe(Effect.ensuring(Effect.sync(() => session.questions.delete(id))))
  })

export class SessionExchange implements Exchange {
  readonly era = "legacy"
  readonly headers: Headers
  readonly session: Session
  readonly request: Request
  server: ServerId | undefined
  tool: string | undefined
  answer: Frame.Frame | undefined
  span: Span | undefined
  admission: Admission | undefined
  use: Use | undefined
  readonly channel: ReplyChannel

  constructor(session: Session, request: Request, channel: ReplyChannel, headers: Headers) {
    this.headers = headers
    this.session = session
    this.request = request
    this.channel = channel
  }

  get requester(): Session {
    return this.session
  }

  get logLevel(): LogLevel | undefined {
    return this.session.logLevel
  }

  handlers(rename: Rename, toServer: (message: Uint8Array) => void): CallHandlers {
    const { channel, request, session } = this
    return {
      session: session.key,
      notify: (frame) => {
        if (frame.method === "notifications/progress") {
          const progress = progressFor(request, frame)
          if (progress !== undefined) channel.emit(progress)
        } else if (isWanted(frame, session.logLevel)) channel.emit(published(frame, rename))
      },
      ask: (question) => askClient(this, question, toServer),
      polling: (retryMillis) => {
        // Clients of older revisions do not know that they are to come back.
        if (isSince(channel.revision, "2025-11-25")) channel.stream()?.dismiss(retryMillis)
      }
    }
  }

  reassure(seconds: number): void {
    this.channel.reassure(seconds)
  }

  begun(cancel: () => void): void {
    this.session.calls.set(this.request.requestId, { cancel })
  }

  ended({ under }: Conclusion): number {
    const message = under(this.request.id)
    this.session.calls.take(this.request.requestId)
    this.channel.answer(message)
    return Pieces.lengthOf(message)
  }
}
