/** How often one owner may make requests, whatever they are for. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Audit } from "../access/Audit.ts"
import { whoOf } from "../domain/AuditRecord.ts"
import { LimitReached, outcome, verdict } from "../domain/Errors.ts"
import { type Owner, ownerOf } from "../domain/Owner.ts"
import { isAnonymous, type Principal } from "../domain/Principal.ts"
import { HEADER } from "../domain/Protocol.ts"
import { TokenBuckets } from "../domain/TokenBuckets.ts"
import { Sessions } from "../gateway/Sessions.ts"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"
import * as Setting from "../settings/Setting.ts"
import { limited } from "./Responses.ts"
import type { McpRequest } from "./McpRequest.ts"

const log = logger("http")

export const settings = {
  perSecond: Setting.integer({
    name: "MCP_RATE_LIMIT",
    description:
      "How many requests a second one person, machine credential or session without sign-in may make; 0: any.",
    fallback: 100,
    minimum: 0,
    maximum: 1_000_000
  }),
  burst: Setting.integer({
    name: "MCP_RATE_BURST",
    description: "How many of them may come at once after a pause.",
    fallback: 500,
    minimum: 1,
    maximum: 1_000_000
  })
}

/** What is in force; `perSecond` 0 for no bound. */
export const Rate = Context.Reference<{ readonly perSecond: number; readonly burst: number }>(
  "mcp-proxy/http/OwnerRate/Rate",
  { defaultValue: () => ({ perSecond: settings.perSecond.absent, burst: settings.burst.absent }) }
)

/** A flood leaves one record for each owner in so much time, not one for each request. */
const WINDOW = Duration.minutes(1)

interface Refusals {
  readonly principal: Principal
  readonly since: number
  count: number
  until: number
}

/** Gives what takes note of a request; undefined means go on. The body is not read yet, so a refusal names no id. */
export const make = Effect.gen(function* () {
  const { burst, perSecond } = yield* Rate
  const clock = yield* Clock.Clock
  const audit = yield* Audit
  const sessions = yield* Sessions
  const buckets = new TokenBuckets({ perSecond, burst })
  const limit = `More than ${perSecond} requests a second (${settings.perSecond.name})`
  const refused = new Map<Owner, Refusals>()

  const record = ({ count, principal, since, until }: Refusals) => {
    const error = new LimitReached({ limit: `${limit}: refused ${count} times` })
    return audit.record({
      kind: "refusal",
      outcome: outcome(error),
      time: since,
      millis: until - since,
      code: verdict(error).code,
      detail: error.message,
      principal: whoOf(principal),
      client: { id: principal.clientId }
    })
  }

  const recordAll = Effect.suspend(() => {
    const all = [...refused.values()]
    refused.clear()
    return Effect.forEach(all, record, { discard: true })
  })
  yield* Effect.addFinalizer(() => recordAll)
  yield* Vital.fork("The record of refusals", Effect.repeat(recordAll, Schedule.spaced(WINDOW)))

  /** Without sign-in, the session as far as it is known: what anybody may write into a header is not to be counted by. */
  const ownerBehind = (request: McpRequest, principal: Principal): Owner | undefined => {
    if (!isAnonymous(principal)) return ownerOf({ principal, session: undefined })
    const id = request.headers[HEADER.sessionId]
    return id === undefined ? undefined : sessions.known(id)?.owner
  }

  const refuse = Effect.fnUntraced(function* (owner: Owner, principal: Principal, now: number, waitMillis: number) {
    const known = refused.get(owner)
    if (known === undefined) {
      refused.set(owner, { principal, since: now, count: 1, until: now })
      yield* log.warning(`${limit}: requests are refused`, { principal: principal.displayName })
    } else {
      known.count++
      known.until = now
    }
    return limited(429, limit, { retryAfter: Math.max(1, Math.ceil(waitMillis / 1000)) })
  })

  return (
    request: McpRequest,
    principal: Principal
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
    if (perSecond === 0) return undefined
    const owner = ownerBehind(request, principal)
    if (owner === undefined) return undefined
    const now = clock.currentTimeMillisUnsafe()
    const waitMillis = buckets.take(owner, now)
    return waitMillis === 0 ? undefined : refuse(owner, principal, now, waitMillis)
  }
})
