/**
 * A call of a modern client's. One call may span several of its requests: where a legacy server asks something, the request
 * is answered with the questions, and the call waits for the request that brings the answers (2026-07-28, patterns/mrtr).
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { type ByteBudget, Holding } from "../domain/ByteBudget.ts"
import type { Request } from "../domain/ClientMessage.ts"
import type { Envelope } from "../domain/Envelope.ts"
import type { Headers } from "../domain/Era.ts"
import type * as Frame from "../domain/Frame.ts"
import * as Pieces from "../domain/Pieces.ts"
import type { LogLevel } from "../domain/Protocol.ts"
import type { ServerId } from "../domain/ServerId.ts"
import type { Use } from "../fleet/Deployment.ts"
import type { Span } from "../observability/Tracing.ts"
import { type Answer, type CallHandlers, unanswerable } from "../upstream/Rpc.ts"
import * as Answers from "./Answers.ts"
import type { Admission } from "./Limits.ts"
import { type Conclusion, type Exchange, isWanted, progressFor, published, type Rename } from "./Exchange.ts"
import type { ReplyChannel } from "./ReplyChannel.ts"
import type { Requester } from "./Requester.ts"

/** A question of the server's that waits for the client. */
export interface Question {
  readonly frame: Frame.Frame
  readonly answer: Deferred.Deferred<Answer>
}

/** One of the client's requests, to be answered under its id. */
export interface Waiting {
  readonly id: Uint8Array
  readonly channel: ReplyChannel
}

/** How much of what a server says is kept for a client that is busy answering. */
const MAX_KEPT = 100

const OVER = unanswerable("The call is over")

const SAID = new Set(["notifications/progress", "notifications/message"])

export class ModernExchange implements Exchange {
  readonly era = "modern"
  readonly session = undefined
  readonly requester: Requester
  readonly request: Request
  readonly envelope: Envelope
  readonly headers: Headers
  server: ServerId | undefined
  tool: string | undefined
  answer: Frame.Frame | undefined
  span: Span | undefined
  admission: Admission | undefined
  use: Use | undefined
  /** The request that waits for the call at present; none while the client is to answer questions. */
  waiting: Waiting | undefined
  readonly questions = new Map<string, Question>()
  cancel: () => void = () => {}
  /** How it ended, while no request was there to be told. */
  private outcome: Conclusion | undefined
  private readonly ask: (exchange: ModernExchange, question: Frame.Frame) => Effect.Effect<Answer>
  private readonly onTold: (exchange: ModernExchange) => void
  private readonly buffers: ByteBudget
  /** What is kept for a client that is busy answering: what was said, and how it ended. */
  private readonly held: Holding
  private kept: Array<Uint8Array> = []
  private lastQuestion = 0

  /** `ask` puts a server's question to the client; `onTold` hears that the client knows how the call ended. */
  constructor(options: {
    readonly requester: Requester
    readonly request: Request
    readonly envelope: Envelope
    readonly headers: Headers
    readonly channel: ReplyChannel
    readonly buffers: ByteBudget
    readonly ask: (exchange: ModernExchange, question: Frame.Frame) => Effect.Effect<Answer>
    readonly onTold: (exchange: ModernExchange) => void
  }) {
    this.requester = options.requester
    this.request = options.request
    this.envelope = options.envelope
    this.headers = options.headers
    this.waiting = { id: options.request.id, channel: options.channel }
    this.buffers = options.buffers
    this.held = new Holding(options.buffers)
    this.ask = options.ask
    this.onTold = options.onTold
  }

  get logLevel(): LogLevel | undefined {
    return this.envelope.logLevel
  }

  handlers(rename: Rename): CallHandlers {
    return {
      session: this.requester.key,
      notify: (frame) => {
        // What does not concern the request has no place in its answer (transports/streamable-http, §Receiving Messages).
        if (!SAID.has(frame.method)) return
        if (frame.method === "notifications/progress") this.say(progressFor(this.request, frame))
        else if (this.logLevel !== undefined && isWanted(frame, this.logLevel)) this.say(published(frame, rename))
      },
      ask: (question) => this.ask(this, question),
      polling: () => {}
    }
  }

  private say(message: Uint8Array | undefined): void {
    if (message === undefined) return
    if (this.waiting !== undefined) this.waiting.channel.emit(message)
    else if (this.kept.length < MAX_KEPT && this.held.add(message.length)) this.kept.push(message)
  }

  get isOver(): boolean {
    return this.outcome !== undefined
  }

  /** The key under which a question is put. */
  nextQuestion(): string {
    return `q${++this.lastQuestion}`
  }

  /** A further request waits for the call now. */
  attach(waiting: Waiting): void {
    this.waiting = waiting
    for (const message of this.kept) waiting.channel.emit(message)
    this.kept = []
    this.held.become(0)
    if (this.outcome !== undefined) this.ended(this.outcome)
  }

  /** Nobody comes back to it: what was kept for that is not any more. */
  forgotten(): void {
    this.kept = []
    this.held.release()
  }

  /** Answers the request that waits, which is not the end of the call. */
  release(under: Conclusion["under"]): void {
    const { waiting } = this
    this.waiting = undefined
    waiting?.channel.answer(under(waiting.id))
  }

  /** The client has closed the request, which cancels the call (transports/streamable-http, §Cancellation). */
  abandoned(channel: ReplyChannel): void {
    if (this.waiting?.channel === channel) this.cancel()
  }

  reassure(seconds: number): void {
    this.waiting?.channel.reassure(seconds)
  }

  begun(cancel: () => void): void {
    this.cancel = cancel
  }

  ended(conclusion: Conclusion): number | undefined {
    const { waiting } = this
    this.waiting = undefined
    this.outcome = waiting === undefined ? this.keep(conclusion) : conclusion
    // Nobody comes back to a call that is over: what was asked meanwhile is not answered.
    for (const { answer } of this.questions.values()) Deferred.doneUnsafe(answer, Effect.succeed(OVER))
    if (waiting === undefined) return undefined
    const message = conclusion.under(waiting.id)
    waiting.channel.answer(message, conclusion.status)
    this.onTold(this)
    return Pieces.lengthOf(message)
  }

  /** The end, for when the client comes back; where there is no room for it, the word of that. */
  private keep(conclusion: Conclusion): Conclusion {
    const bytes = this.answer?.bytes.length ?? 0
    if (this.held.add(bytes)) return conclusion
    this.answer = undefined
    return { under: (id) => [Answers.dropped(id, this.buffers, bytes)], status: 200 }
  }
}
