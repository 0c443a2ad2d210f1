/** Reading text/event-stream as its bytes arrive. */
import { createParser } from "eventsource-parser"
import { MAX_MESSAGE, MessageRefused } from "./Transport.ts"

export interface ServerSentEvent {
  readonly event: string | undefined
  readonly id: string | undefined
  readonly data: string
}

/** `feed` takes bytes and returns what is wrong with them, if anything is. */
export interface EventStreamReader {
  readonly feed: (chunk: Uint8Array) => MessageRefused | undefined
}

/** Reads events, and the reconnection time (milliseconds) that the server asks for. */
export const make = (
  onEvent: (event: ServerSentEvent) => void,
  onRetry: (millis: number) => void
): EventStreamReader => {
  let refused: MessageRefused | undefined
  const decoder = new TextDecoder()
  const parser = createParser({
    maxBufferSize: MAX_MESSAGE,
    onEvent: ({ data, event, id }) => onEvent({ data, event, id }),
    onRetry,
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") {
        refused = new MessageRefused({
          reason: `an event is larger than the limit of ${MAX_MESSAGE} bytes`,
          answered: true
        })
      }
    }
  })
  return {
    feed: (chunk) => {
      parser.feed(decoder.decode(chunk, { stream: true }))
      return refused
    }
  }
}
