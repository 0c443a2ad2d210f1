/** Bodies of forms and registrations, which come from anybody: small, and soon. */
import * as ByteSize from "effect/ByteSize"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as Option from "effect/Option"

const MAX = ByteSize.bytes(64 * 1024)

/** Longer than 64 KB take over the slowest line. */
const PATIENCE = Duration.seconds(10)

/** The body as text; none where it is larger than 64 KB, broken off, or not there after ten seconds. */
export const read = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Option.Option<string>> =>
  request.text.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, MAX),
    Effect.timeout(PATIENCE),
    Effect.option
  )

/** Of an answer to a body that was not read to its end: nothing else can be said on the connection. */
export const UNREAD = { connection: "close" } as const
