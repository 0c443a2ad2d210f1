/** A call in flight: what its server says meanwhile, and its answer, on their way to the client. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Request } from "../domain/ClientMessage.ts"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import { isAtLeast, isLogLevel, isSince, QUESTION_CAPABILITY } from "../domain/Protocol.ts"
import * as Rewrite from "../domain/Rewrite.ts"
import type { ServerId } from "../domain/ServerId.ts"
import { type Answer, type CallHandlers, unanswerable } from "../upstream/Rpc.ts"
import type { ReplyChannel } from "./ReplyChannel.ts"
import type { Session } from "./Session.ts"

/** May this session be asked that? */
const mayBeAsked = (session: Session, question: Frame.Frame): boolean => {
  const name = QUESTION_CAPABILITY.get(question.method)
  const capability = name === undefined ? undefined : session.caller.capabilities[name]
  if (capability === undefined) return false
  if (name !== "elicitation" || Frame.paramValue(question, "mode") !== "url") return true
  return Predicate.isReadonlyObject(capability) && capability["url"] !== undefined
}

/** Does the session want to hear this? Log messages below the level that it asked for it does not. */
const isWanted = (session: Session, notification: Frame.Frame): boolean => {
  if (notification.method !== "notifications/message" || session.logLevel === undefined) return true
  const level = Frame.paramValue(notification, "level")
  return !isLogLevel(level) || isAtLeast(level, session.logLevel)
}

/**
 * Puts a question to a client by `emit`, and waits for the answer that it POSTs. If whoever asked loses interest, the
 * client is told.
 */
export const askClient = (
  session: Session,
  question: Frame.Frame,
  emit: (message: Uint8Array) => boolean,
  toServer: (message: Uint8Array) => void
): Effect.Effect<Answer> =>
  Effect.suspend(() => {
    if (!mayBeAsked(session, question)) {
      return Effect.succeed(unanswerable(`The client did not declare what ${question.method} needs`))
    }
    const id = session.nextQuestionId()
    const by = Json.encode(id)
    const token = Frame.param(question, "_meta", "progressToken")
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
    if (!emit(Json.join(Json.splice(question.bytes, edits)))) {
      session.questions.delete(id)
      return Effect.succeed(unanswerable("The client accepts no event stream, so it cannot be asked"))
    }
    return Deferred.await(answer).pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          const params = { requestId: id, reason: "the server withdrew it" }
          emit(Json.encode({ jsonrpc: "2.0", method: "notifications/cancelled", params }))
        })
      ),
      Effect.ensuring(Effect.sync(() => session.questions.delete(id)))
    )
  })

/** Says a notification to a session, made public. */
export const notificationFor = (
  session: Session,
  frame: Frame.Frame,
  rename: ((uri: string) => string) | undefined
): Uint8Array | undefined => {
  if (!isWanted(session, frame)) return undefined
  const edits =
    rename !== undefined && frame.method === "notifications/resources/updated"
      ? Rewrite.notificationEdits(frame, rename)
      : []
  return Json.join(Json.splice(frame.bytes, edits))
}

/** For requests of ours on a session's behalf, of which its client is to hear nothing. */
export const quiet = (session: Session): CallHandlers => ({
  session: session.key,
  notify: () => {},
  ask: () => Effect.never,
  polling: () => {}
})

/** One call of a client's, from its POST to its answer. */
export class Exchange {
  readonly session: Session
  readonly channel: ReplyChannel
  /** The server that it is for, once that is found out; and what that answered. */
  server: ServerId | undefined
  answer: Frame.Frame | undefined
  private readonly request: Request

  constructor(session: Session, request: Request, channel: ReplyChannel) {
    this.session = session
    this.request = request
    this.channel = channel
  }

  /** What the server of the call has to say to this client meanwhile. `toServer` takes notifications for the server. */
  handlers(rename: ((uri: string) => string) | undefined, toServer: (message: Uint8Array) => void): CallHandlers {
    const { channel, session } = this
    const token = this.progressToken
    return {
      session: session.key,
      notify: (frame) => {
        if (frame.method === "notifications/progress") {
          const span = Frame.param(frame, "progressToken")
          if (token === undefined || span === undefined) return
          channel.emit(Json.join(Json.splice(frame.bytes, [{ span, by: token }])))
          return
        }
        const message = notificationFor(session, frame, rename)
        if (message !== undefined) channel.emit(message)
      },
      ask: (question) => askClient(session, question, (message) => channel.emit(message), toServer),
      polling: (retryMillis) => {
        // Clients of older revisions do not know that they are to come back.
        if (isSince(channel.revision, "2025-11-25")) channel.stream()?.dismiss(retryMillis)
      }
    }
  }

  /** The progress token that the client gave, as JSON. */
  private get progressToken(): Uint8Array | undefined {
    const meta = this.request.params?.values["_meta"]
    const token = Predicate.isReadonlyObject(meta) ? meta["progressToken"] : undefined
    return token === undefined ? undefined : Json.encode(token)
  }
}
