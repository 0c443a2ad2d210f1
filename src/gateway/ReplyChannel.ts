/** How one POST is answered: with JSON, or, once there is something to say before the answer, with an event stream. */
import * as Effect from "effect/Effect"
import { Holding } from "../domain/ByteBudget.ts"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import type { Owner } from "../domain/Owner.ts"
import { isModernRevision, type Revision } from "../domain/Protocol.ts"
import type { SessionKey } from "../domain/ServerId.ts"
import * as Answers from "./Answers.ts"
import type { EventLog } from "./EventLog.ts"
import type { EventLogs } from "./EventLogs.ts"

/** The whole JSON body, or the stream to read. */
export type Reply =
  | { readonly _tag: "Json"; readonly body: Pieces.Pieces; readonly status: number }
  | { readonly _tag: "Stream"; readonly log: EventLog }

const OPEN = Json.utf8("[")
const COMMA = Json.utf8(",")
const CLOSE = Json.utf8("]")

/** How many seconds a call may be unanswered before its reply becomes a stream. */
const SILENT_SECONDS = { whereItIsPreferred: 1, elsewhere: 10 }

export class ReplyChannel {
  /** The revision that the request is answered by. */
  readonly revision: Revision
  private readonly logs: EventLogs
  private readonly session: SessionKey
  private readonly request: Frame.RequestId | null
  private readonly owner: Owner | undefined
  private readonly acceptsStream: boolean
  private readonly prefersStream: boolean
  private readonly isBatch: boolean
  private decided: Reply | undefined
  private hear: ((reply: Reply) => void) | undefined
  private readonly answers: Array<Pieces.Pieces> = []
  /** The answers of a batch that wait for the others. */
  private readonly waiting: Holding
  private outstanding: number
  private log: EventLog | undefined

  /** A channel for so many answers; those of a batch go into one array. */
  constructor(options: {
    readonly logs: EventLogs
    readonly session: SessionKey
    /** Whose the stream will be, if there is to be one. */
    readonly owner: Owner | undefined
    /** The client's id of the request; null for a batch. */
    readonly request: Frame.RequestId | null
    readonly revision: Revision
    readonly acceptsStream: boolean
    /** Is it to be a stream even where there is nothing to say before the answer? Then that is what opens it. */
    readonly prefersStream?: boolean
    readonly batchOf?: number
  }) {
    this.logs = options.logs
    this.session = options.session
    this.request = options.request
    this.owner = options.owner
    this.waiting = new Holding(options.logs.buffers)
    this.revision = options.revision
    this.acceptsStream = options.acceptsStream
    this.prefersStream = options.prefersStream ?? false
    this.isBatch = options.batchOf !== undefined
    this.outstanding = options.batchOf ?? 1
  }

  /** Tells one who wants to know, as soon as it is decided, how the POST is answered. */
  whenDecided(hear: (reply: Reply) => void): void {
    if (this.decided === undefined) this.hear = hear
    else hear(this.decided)
  }

  /** Succeeds with the same. */
  get reply(): Effect.Effect<Reply> {
    return Effect.callback((resume) => this.whenDecided((reply) => resume(Effect.succeed(reply))))
  }

  /** Why there is no stream, and can be none. */
  get whyNoStream(): string | undefined {
    if (this.log !== undefined) return undefined
    return this.acceptsStream ? this.logs.full(this.owner) : "the client accepts no event stream"
  }

  /** The stream, opened even though there may be nothing to say yet; undefined where there can be none. */
  stream(): EventLog | undefined {
    if (this.outstanding === 0 || this.whyNoStream !== undefined) return undefined
    if (this.log === undefined) {
      const name = { session: this.session, request: this.request === null ? null : JSON.stringify(this.request) }
      this.log = this.logs.open(name, this.owner, !isModernRevision(this.revision))
      for (const answer of this.answers) this.log.append(Pieces.join(answer))
      this.waiting.release()
      this.decide({ _tag: "Stream", log: this.log })
    }
    return this.log
  }

  /** Opens the stream where there has been nothing to say for so many seconds, and that is too long. */
  reassure(seconds: number): void {
    if (seconds >= (this.prefersStream ? SILENT_SECONDS.whereItIsPreferred : SILENT_SECONDS.elsewhere)) this.stream()
  }

  /** Says something before the answer. False where there can be no stream. */
  emit(message: Uint8Array): boolean {
    const log = this.stream()
    log?.append(message)
    return log !== undefined
  }

  /** One whole JSON-RPC response, and its HTTP status where it goes alone. With the last one the reply is complete. */
  answer(message: Pieces.Pieces, status = 200): void {
    if (this.outstanding === 0) return
    if (this.prefersStream) this.stream()
    this.outstanding--
    if (this.log !== undefined) this.log.append(Pieces.join(message), (bytes) => this.dropped(message, bytes))
    else this.answers.push(this.isBatch ? this.kept(message) : message)
    if (this.outstanding > 0) return
    if (this.log === undefined) {
      this.waiting.release()
      this.decide({ _tag: "Json", body: this.body(), status })
      return
    }
    this.log.finish()
  }

  private decide(reply: Reply): void {
    const { hear } = this
    this.decided = reply
    this.hear = undefined
    hear?.(reply)
  }

  /** An answer that waits for the others of its batch; where there is no room for it, the word of that. */
  private kept(message: Pieces.Pieces): Pieces.Pieces {
    const length = Pieces.lengthOf(message)
    return this.waiting.add(length) ? message : [this.dropped(message, length)]
  }

  private dropped(message: Pieces.Pieces, bytes: number): Uint8Array {
    const frame = Frame.read(Pieces.join(message))
    const id = Frame.isFrame(frame) ? Frame.rawId(frame) : Json.utf8("null")
    return Answers.dropped(id, this.logs.buffers, bytes)
  }

  private body(): Pieces.Pieces {
    const [only = []] = this.answers
    if (!this.isBatch) return only
    const pieces = this.answers.flatMap((answer, index) => (index === 0 ? answer : [COMMA, ...answer]))
    return Pieces.gather([OPEN, ...pieces, CLOSE])
  }
}
