/** Reading text/event-stream as its bytes arrive. */
import { createParser } from "eventsource-parser"
import { StringDecoder } from "node:string_decoder"
import * as Bounds from "./Bounds.ts"
import { AnswerRefused } from "./Transport.ts"

export interface ServerSentEvent {
  readonly event: string | undefined
  readonly id: string | undefined
  readonly data: string
}

export interface EventStreamReader {
  /** Takes bytes and returns what is wrong with them, if anything is. */
  readonly feed: (chunk: Uint8Array) => AnswerRefused | undefined
  /** How many bytes are held of the event that has not ended yet, at most. */
  readonly heldBytes: () => number
}

const LF = 0x0a
const CR = 0x0d

/** Does it end with an empty line, and so with an event (or with nothing that is kept)? */
const endsEvent = (chunk: Uint8Array): boolean => {
  const [last, before] = [chunk.at(-1), chunk.at(-2)]
  if (last === LF) return before === LF || (before === CR && chunk.at(-3) === LF)
  return last === CR && before === CR
}

/** Reads events, and the reconnection time (milliseconds) that the server asks for. */
export const make = (
  maxMessage: number,
  onEvent: (event: ServerSentEvent) => void,
  onRetry: (millis: number) => void
): EventStreamReader => {
  let refused: AnswerRefused | undefined
  let held = 0
  let hasEnded = false
  // A TextDecoder that decodes piece by piece is a converter of ICU's, which costs several microseconds and a finalizer.
  const decoder = new StringDecoder()
  const parser = createParser({
    maxBufferSize: maxMessage,
    onEvent: ({ data, event, id }) => {
      hasEnded = true
      onEvent({ data, event, id })
    },
    onRetry,
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") {
        refused = new AnswerRefused({ reason: Bounds.tooLarge("an event", maxMessage) })
      }
    }
  })
  return {
    heldBytes: () => held,
    feed: (chunk) => {
      hasEnded = false
      parser.feed(decoder.write(chunk))
      held = endsEvent(chunk) ? 0 : (hasEnded ? 0 : held) + chunk.length
      return refused
    }
  }
}
