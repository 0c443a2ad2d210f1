/** Event streams to clients, as bytes. */
import * as Effect from "effect/Effect"
import * as Arr from "effect/Array"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Holding } from "../domain/ByteBudget.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import * as EventIds from "../gateway/EventIds.ts"
import type { Delivery } from "../gateway/EventLog.ts"
import { whenOver } from "../gateway/Around.ts"

/** How soon a client whose stream broke is asked to come back, where its server has not said otherwise. */
const RETRY_MILLIS = 2000

/** A sign of life that is no event. */
const COMMENT = Json.utf8(":\n\n")

const HEADERS = {
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no"
}

/** Sends the head of the response. */
const NOTHING = new Uint8Array(0)

/** What of an event stands before its message. */
const head = (prefix: string | undefined, sequence: number): string =>
  `event: message\n${prefix === undefined ? "" : `id: ${EventIds.format(prefix, sequence)}\n`}data: `

const encode = (prefix: string | undefined, delivery: Delivery): Arr.NonEmptyReadonlyArray<Uint8Array> => {
  if (delivery._tag === "Alive") return [COMMENT]
  if (delivery._tag === "ComeBack") return [Json.utf8(`retry: ${delivery.retryMillis ?? RETRY_MILLIS}\n\n`)]
  const parts: Array<string | Uint8Array> = []
  for (const { message, sequence } of delivery.events) {
    parts.push(head(prefix, sequence), Json.singleLine(message), "\n\n")
  }
  const [first = NOTHING, ...more] = Pieces.gather(parts)
  return [first, ...more]
}

/**
 * The bytes of deliveries, `first` before them. Whoever sends them asks for more once the connection has taken those before.
 * One loop, and no fiber of its own: there may be thousands that merely stand.
 */
const encoded = (
  deliveries: Stream.Stream<Delivery>,
  prefix: string | undefined,
  first: Uint8Array | undefined
): Stream.Stream<Uint8Array> =>
  Stream.transformPull(deliveries, (pull) => {
    let given: ReadonlyArray<Delivery> = []
    let head = first
    return Effect.succeed(
      Effect.suspend(() => {
        if (head !== undefined) {
          const bytes = head
          head = undefined
          return Effect.succeed(Arr.of(bytes))
        }
        for (const delivery of given) if (delivery._tag === "Events") delivery.sent()
        return Effect.map(pull, (some) => {
          given = some
          return Arr.flatMap(some, (delivery) => encode(prefix, delivery))
        })
      })
    )
  })

/**
 * The first event of a stream: an id and no data, so that a client whose stream breaks early can take it up (2025-11-25,
 * basic/transports, §Sending Messages). Older clients do not expect an event without data.
 */
const priming = (prefix: string): Uint8Array =>
  Json.utf8(`id: ${EventIds.format(prefix, 0)}\nretry: ${RETRY_MILLIS}\ndata: \n\n`)

/** The response that delivers a stream's events until it ends. */
export const response = (options: {
  readonly deliveries: Stream.Stream<Delivery>
  /** Counts what of them is on its way. */
  readonly onItsWay: Holding | undefined
  /** Of the events' ids; undefined for a stream that cannot be taken up again. */
  readonly prefix: string | undefined
  readonly primed: boolean
  /** Is there nothing to say yet? Then the head is not kept back until there is. */
  readonly silent?: boolean
}): HttpServerResponse.HttpServerResponse => {
  const { deliveries, onItsWay, prefix, primed, silent = false } = options
  const first = primed && prefix !== undefined ? priming(prefix) : silent ? NOTHING : undefined
  // Not before: what is read is ahead by one of what is sent.
  const body = whenOver(encoded(deliveries, prefix, first), () => onItsWay?.release())
  return HttpServerResponse.stream(body, { contentType: "text/event-stream", headers: HEADERS })
}
