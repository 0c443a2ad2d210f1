/** Beginning a legacy session (2025-11-25, basic/lifecycle). */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { Audit } from "../access/Audit.ts"
import type { Request } from "../domain/ClientMessage.ts"
import { BadParams, verdict } from "../domain/Errors.ts"
import * as Json from "../domain/Json.ts"
import type { Principal } from "../domain/Principal.ts"
import { CODE, negotiate } from "../domain/Protocol.ts"
import { Catalog, type Endpoint } from "../fleet/Catalog.ts"
import { logger } from "../observability/Logging.ts"
import { NAME, VERSION } from "../observability/Version.ts"
import * as Answers from "./Answers.ts"
import { callRecord, type Result } from "./CallRecord.ts"
import { Behaviour } from "./Proxy.ts"
import type { ClientInfo, Session } from "./Session.ts"
import { Sessions } from "./Sessions.ts"

const log = logger("gateway")

export interface Begun {
  readonly session: Session
  /** The whole JSON-RPC response. */
  readonly answer: Uint8Array
}

const TOO_LARGE = { code: CODE.invalidRequest, outcome: "invalid" } as const

const clientOf = (info: unknown): ClientInfo => {
  const { name, version } = Predicate.isReadonlyObject(info) ? info : {}
  return {
    name: typeof name === "string" ? name : "unnamed client",
    version: typeof version === "string" ? version : undefined
  }
}

export const make = Effect.gen(function* () {
  const sessions = yield* Sessions
  const catalog = yield* Catalog
  const audit = yield* Audit
  const { listWait } = yield* Behaviour

  const begin = Effect.fnUntraced(function* (principal: Principal, endpoint: Endpoint, request: Request) {
    const values = request.params?.values ?? {}
    const { capabilities = {}, clientInfo, protocolVersion } = values
    if (typeof protocolVersion !== "string") {
      return yield* new BadParams({ reason: "initialize needs params.protocolVersion, a string" })
    }
    if (!Predicate.isReadonlyObject(capabilities)) {
      return yield* new BadParams({ reason: "initialize needs params.capabilities, an object" })
    }
    const { name, version } = clientOf(clientInfo)
    const revision = negotiate(protocolVersion)
    const session = yield* sessions.begin({
      principal,
      endpoint,
      revision,
      client: name,
      clientVersion: version,
      capabilities
    })
    const offered = yield* catalog.capabilities(endpoint, session.caller, listWait)
    const instructions = catalog.instructions(endpoint)
    const where = endpoint._tag === "All" ? "" : ` at /mcp/${endpoint.server}`
    const client = version === undefined ? name : `${name} ${version}`
    yield* log.info(`${client} began a session${where} (${revision})`)
    // Its own connections start now, so that its first list need not wait for all of it.
    yield* Effect.forkDetach(catalog.complete(endpoint, session.caller, Duration.zero))
    const result = {
      protocolVersion: revision,
      capabilities: offered,
      serverInfo: { name: NAME, version: VERSION },
      ...(instructions === undefined ? {} : { instructions })
    }
    return { session, answer: Answers.result(request.id, [Json.encode(result)]) } satisfies Begun
  })

  /** Begins a session and opens its connections meanwhile. */
  return Effect.fnUntraced(function* (principal: Principal, endpoint: Endpoint, request: Request) {
    const began = yield* Clock.currentTimeMillis
    const client = clientOf(request.params?.values["clientInfo"])
    const server = endpoint._tag === "One" ? endpoint.server : undefined
    const record = (session: string | undefined, result: Omit<Result, "server">) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        audit.record(callRecord(request, { principal, client, session, began, now }, { ...result, server }, false))
      )
    return yield* begin(principal, endpoint, request).pipe(
      Effect.tap(({ answer, session }) => record(session.caller.session, { outcome: "ok", bytesOut: answer.length })),
      Effect.tapError((error) => {
        const { code, outcome } = error._tag === "BadParams" ? verdict(error) : TOO_LARGE
        return record(undefined, { outcome, code, detail: error.message, bytesOut: 0 })
      }),
      Effect.annotateLogs({ principal: principal.displayName, request: request.requestId })
    )
  })
})
