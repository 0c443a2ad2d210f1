/** One HTTP exchange of a transport: every message of the answer handed on as it arrives, and what was left to say. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Holding } from "../domain/ByteBudget.ts"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import * as RetryAfter from "../domain/RetryAfter.ts"
import { seconds } from "../domain/UpstreamStatus.ts"
import * as Bounds from "./Bounds.ts"
import * as EventStream from "./EventStream.ts"
import type { HttpAgent, HttpRequest, ResponseHead } from "./HttpAgent.ts"
import { AnswerRefused, MessageRefused, type TransportError } from "./Transport.ts"

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

/** Sends the request and listens until the answer has ended. */
export const run = (
  agent: HttpAgent["Service"],
  request: HttpRequest,
  listener: Listener
): Effect.Effect<Outcome, TransportError> =>
  Effect.suspend(() => {
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
    if (!held.add(sent)) return Effect.fail(new MessageRefused({ reason: Bounds.noRoom(buffers) }))
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
    const exchanged = Effect.matchEffect(agent.exchange(request, sink), {
      // A stream that broke is like one that ended, if it can be taken up again.
      onFailure: (error) =>
        error._tag === "ConnectionLost" && lastEventId !== undefined ? Effect.sync(outcome) : Effect.fail(error),
      onSuccess: () => Effect.sync(outcome)
    })
    return Effect.ensuring(
      exchanged,
      Effect.sync(() => held.release())
    )
  })

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
