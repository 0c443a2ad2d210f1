/** One HTTP exchange of a transport: every message of the answer handed on as it arrives, and what was left to say. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { Holding } from "../domain/ByteBudget.ts"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import * as RetryAfter from "../domain/RetryAfter.ts"
import { seconds } from "../domain/UpstreamStatus.ts"
import * as Attached from "./Attached.ts"
import * as Bounds from "./Bounds.ts"
import * as EventStream from "./EventStream.ts"
import type { Abort, HttpAgent, HttpRequest, ResponseHead } from "./HttpAgent.ts"
import { AnswerRefused, MessageRefused, type Receiver, type TransportError } from "./Transport.ts"

export interface Listener {
  readonly head: (head: ResponseHead) => void
  /** False: it is none after all, but part of what the server says instead of messages. */
  readonly message: (bytes: Uint8Array) => boolean | void
  /** An event of another type than `message` (HTTP+SSE's `endpoint`). */
  readonly event: (type: string, data: string) => void
}

/** What came back beyond the messages. */
export interface Outcome {
  readonly status: number
  /** Was the answer an event stream, which has now ended? */
  readonly streamed: boolean
  readonly lastEventId: string | undefined
  readonly retryMillis: number | undefined
  /** The header Retry-After. */
  readonly retryAfter: string | undefined
  /** What the server said instead of messages, on one line. */
  readonly excerpt: string
  /** The whole answer, unless it was an event stream. */
  readonly body: Uint8Array
}

const MAX_EXCERPT = 300

const excerptOf = (body: Uint8Array): string => {
  const plain = Buffer.from(body.subarray(0, 8192))
    .toString()
    .replace(/<[^>]*>/gu, " ")
    .replace(/\s+/gu, " ")
    .trim()
  return plain.length > MAX_EXCERPT ? `${plain.slice(0, MAX_EXCERPT)}…` : plain
}

/** The messages of a JSON body: one, or those of a batch (2025-03-26). Of an error page, none. */
const messagesOf = (body: Uint8Array, status: number): ReadonlyArray<Uint8Array> => {
  const start = Json.skipSpace(body, 0)
  const batch = Json.elements(body, start)
  if (batch !== undefined) return batch.map((span) => body.subarray(span.start, span.end))
  // Some servers put the JSON-RPC error in the body of an HTTP error.
  const frame = status >= 400 ? Frame.read(body) : undefined
  return frame !== undefined && !(Frame.isFrame(frame) && frame.kind === "response" && frame.id !== null) ? [] : [body]
}

/** What a function comes to. */
const settled = <A>(make: () => A): Exit.Exit<A> => {
  try {
    return Exit.succeed(make())
  } catch (defect) {
    return Exit.die(defect)
  }
}

const isLost = (why: Cause.Cause<TransportError>): boolean => {
  const error = Cause.findErrorOption(why)
  return Option.isSome(error) && error.value._tag === "ConnectionLost"
}

/** Sends the request and listens until the answer has ended; `ended` is told once, possibly at once. */
export const begin = (
  agent: HttpAgent["Service"],
  request: HttpRequest,
  listener: Listener,
  ended: (exit: Exit.Exit<Outcome, TransportError>) => void
): Abort => {
  let status = 0
  let isJson = false
  let lastEventId: string | undefined
  let retryMillis: number | undefined
  let retryAfter: string | undefined
  let reader: EventStream.EventStreamReader | undefined
  const chunks: Array<Uint8Array> = []
  let length = 0
  const { buffers, maxMessage } = agent
  const sent = Pieces.lengthOf(request.body ?? [])
  const held = new Holding(buffers)
  if (!held.add(sent)) {
    ended(Exit.fail(new MessageRefused({ reason: Bounds.noRoom(buffers) })))
    return () => {}
  }
  const noRoom = () => new AnswerRefused({ reason: Bounds.noRoom(buffers) })
  const sink = {
    head: (head: ResponseHead): void => {
      status = head.status
      const type = head.header("content-type")?.toLowerCase() ?? ""
      isJson = type.includes("json")
      if (status >= 400) retryAfter = head.header("retry-after")
      listener.head(head)
      if (status !== 200 || !type.startsWith("text/event-stream")) return
      reader = EventStream.make(
        maxMessage,
        ({ data, event, id }) => {
          if (id !== undefined && id !== "") lastEventId = id
          if (event !== undefined && event !== "message") listener.event(event, data)
          else if (data !== "") listener.message(Json.utf8(data))
        },
        (millis) => {
          retryMillis = millis
        }
      )
    },
    data: (chunk: Uint8Array): AnswerRefused | undefined => {
      if (reader !== undefined) {
        const refused = reader.feed(chunk)
        return refused ?? (held.become(sent + reader.heldBytes()) ? undefined : noRoom())
      }
      length += chunk.length
      if (length > maxMessage) return new AnswerRefused({ reason: Bounds.tooLarge("an answer", maxMessage) })
      if (!held.add(chunk.length)) return noRoom()
      chunks.push(chunk)
      return undefined
    }
  }
  const outcome = (): Outcome => {
    const body = Pieces.assemble(chunks)
    const messages = isJson && body.length > 0 ? messagesOf(body, status) : []
    const taken = messages.filter((message) => listener.message(message) !== false)
    return {
      status,
      streamed: reader !== undefined,
      lastEventId,
      retryMillis,
      retryAfter,
      excerpt: taken.length > 0 ? "" : excerptOf(body),
      body
    }
  }
  const abort = agent.begin(request, sink, (why) => {
    // A stream that broke is like one that ended, if it can be taken up again.
    const hasEnded = why === undefined || (lastEventId !== undefined && isLost(why))
    const came = hasEnded ? settled(outcome) : Exit.failCause(why)
    held.release()
    ended(came)
  })
  return () => {
    held.release()
    abort()
  }
}

/** The same as an effect. Interruption closes the request's connection. */
export const run = (
  agent: HttpAgent["Service"],
  request: HttpRequest,
  listener: Listener
): Effect.Effect<Outcome, TransportError> =>
  Effect.callback((resume) => Effect.sync(begin(agent, request, listener, resume)))

const refusalText = ({ excerpt, status }: Outcome, wait: number | undefined): string => {
  const quote = excerpt === "" ? "" : `: ${excerpt}`
  if (status === 401 || status === 403) return `it refused our credentials (HTTP ${status})${quote}`
  if (status === 404 || status === 405) {
    const hint = 'is the url right? A server of the older HTTP+SSE kind needs "type": "sse"'
    return `it answered HTTP ${status}${quote} (${hint})`
  }
  if (wait !== undefined) return `it asks to be left alone for ${seconds(wait)} (HTTP ${status})${quote}`
  if (status === 429) return `it asks for fewer requests (HTTP 429)${quote}`
  return `it answered HTTP ${status}${quote}`
}

/** What an HTTP status of 400 or more, seen at `now`, means for the message that got it. */
export const refusalAt = (outcome: Outcome, now: number): MessageRefused => {
  const { retryAfter, status } = outcome
  const wait = status === 429 || status === 503 ? RetryAfter.parse(retryAfter, now) : undefined
  const reason = refusalText(outcome, wait)
  return new MessageRefused({ reason, status, ...(wait === undefined ? {} : { retryAfterMillis: wait }) })
}

/** The same, as the failure that it is. */
export const refuse = (outcome: Outcome): Effect.Effect<never, MessageRefused> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(refusalAt(outcome, now)))

/** Tells it on where nothing can be sent any more. */
export const heed = (receiver: Receiver, error: TransportError): void => {
  if (error._tag === "ConnectionLost" && error.unsent) receiver.unreachable(error)
}

/**
 * What is still to be done for a request when its exchange has ended: of one that was answered nothing; for any other `rest`,
 * and whoever waits for it is told how that fails.
 */
export const concluding =
  (receiver: Receiver, request: number, rest: (outcome: Outcome) => Effect.Effect<void, TransportError>) =>
  (exit: Exit.Exit<Outcome, TransportError>): Effect.Effect<void> | undefined => {
    if (Exit.isSuccess(exit) && exit.value.status < 400 && !receiver.isOpen(request)) return undefined
    const failed = (error: TransportError) =>
      Effect.sync(() => {
        heed(receiver, error)
        receiver.failed(request, error)
      })
    return Attached.guard(Effect.catch(Effect.flatMap(exit, rest), failed), (why) =>
      Effect.sync(() => receiver.failed(request, why))
    )
  }
