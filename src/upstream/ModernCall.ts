/** A call to a modern server: one more attempt where the server, having acted on nothing, says what was amiss. */
import * as Effect from "effect/Effect"
import * as Frame from "../domain/Frame.ts"
import { CODE } from "../domain/Protocol.ts"
import type { RpcError } from "./Rpc.ts"
import { SessionExpired } from "./Transport.ts"
import type { Answered } from "./Upstream.ts"

/** What HTTP servers of another era, or with nothing at that address, answer with. */
const OTHER_ERA = new Set<number | undefined>([400, 404, 405, 406])

/**
 * Headers that do not match (§Client Behavior of transports/streamable-http): the tool's schema is another by now. A
 * revision or a request that is not understood: the server is another by now, which fails as an expired session does.
 */
export const make = (options: {
  readonly attempt: Effect.Effect<Answered, RpcError>
  readonly refreshTools: Effect.Effect<void>
  readonly isTool: boolean
}): Effect.Effect<Answered, RpcError> => {
  const { isTool, refreshTools } = options
  const attempt = options.attempt.pipe(
    Effect.catchTag("MessageRefused", (refused) =>
      Effect.fail(OTHER_ERA.has(refused.status) ? new SessionExpired({ reason: refused.reason }) : refused)
    ),
    Effect.filterOrFail(
      ({ frame }) => Frame.errorCode(frame) !== CODE.unsupportedVersion,
      () => new SessionExpired({ reason: "it does not speak the revision any more" })
    )
  )
  return Effect.filterOrElse(
    attempt,
    ({ frame }) => !isTool || Frame.errorCode(frame) !== CODE.headerMismatch,
    () => Effect.andThen(refreshTools, attempt)
  )
}
