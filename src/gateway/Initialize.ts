/** Beginning a legacy session (2025-11-25, basic/lifecycle). */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { Audit } from "../access/Audit.ts"
import { type Outcome, whoOf } from "../domain/AuditRecord.ts"
import type { Request } from "../domain/ClientMessage.ts"
import { BadParams, outcome } from "../domain/Errors.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import type { Principal } from "../domain/Principal.ts"
import { negotiate } from "../domain/Protocol.ts"
import { Catalog, type Endpoint } from "../fleet/Catalog.ts"
import { logger } from "../observability/Logging.ts"
import { SELF } from "../observability/Version.ts"
import * as Answers from "./Answers.ts"
import * as CallRecord from "./CallRecord.ts"
import { Behaviour } from "./Behaviour.ts"
import type { ClientName } from "./Requester.ts"
import type { Session } from "./Session.ts"
import { Sessions } from "./Sessions.ts"

const log = logger("gateway")

export interface Begun {
  readonly session: Session
  /** The whole JSON-RPC response. */
  readonly answer: Uint8Array
}

const clientName = (info: unknown): ClientName => {
  const { name, version } = Predicate.isReadonlyObject(info) ? info : {}
  return {
    name: typeof name === "string" ? name : "unnamed client",
    ...(typeof version === "string" ? { version } : {})
  }
}

export const make = Effect.gen(function* () {
  const sessions = yield* Sessions
  const audit = yield* Audit
  const catalog = yield* Catalog
  const { listWait } = yield* Behaviour

  const begin = Effect.fnUntraced(function* (principal: Principal, endpoint: Endpoint, request: Request) {
    const { params } = request
    const protocolVersion = params?.get("protocolVersion")
    const given = params?.get("capabilities")
    const capabilities = given === undefined ? {} : given
    if (typeof protocolVersion !== "string") {
      return yield* new BadParams({ reason: "initialize needs params.protocolVersion, a string" })
    }
    if (!Predicate.isReadonlyObject(capabilities)) {
      return yield* new BadParams({ reason: "initialize needs params.capabilities, an object" })
    }
    const client = clientName(params?.get("clientInfo"))
    const revision = negotiate(protocolVersion)
    const session = yield* sessions.begin({ principal, endpoint, revision, client, capabilities })
    const offered = yield* catalog.capabilities(endpoint, session.caller, listWait)
    const instructions = catalog.instructions(endpoint, principal)
    const where = endpoint._tag === "All" ? "" : ` at /mcp/${endpoint.server}`
    yield* log.info(
      `${client.name}${client.version === undefined ? "" : ` ${client.version}`} began a session${where} (${revision})`,
      { principal: principal.displayName }
    )
    // Its own connections start now, so that its first list need not wait for all of it.
    yield* Effect.forkDetach(catalog.complete(endpoint, session.caller, Duration.zero))
    const result = {
      protocolVersion: revision,
      capabilities: offered,
      serverInfo: SELF,
      ...(instructions === undefined ? {} : { instructions })
    }
    return { session, answer: Pieces.join(Answers.result(request.id, [Json.encode(result)])) } satisfies Begun
  })

  /** Begins a session and opens its connections meanwhile. */
  return Effect.fnUntraced(function* (principal: Principal, endpoint: Endpoint, request: Request) {
    const started = yield* Clock.currentTimeMillis
    const record = Effect.fnUntraced(function* (how: {
      readonly outcome: Outcome
      readonly session?: string
      readonly detail?: string
      readonly bytesOut?: number
    }) {
      const ended = yield* Clock.currentTimeMillis
      yield* audit.record({
        kind: "call",
        time: started,
        principal: whoOf(principal),
        client: { ...clientName(request.params?.get("clientInfo")), id: principal.clientId },
        server: endpoint._tag === "All" ? undefined : endpoint.server,
        method: request.method,
        millis: ended - started,
        bytesIn: CallRecord.sizeOf(request),
        request: request.requestId,
        ...how
      })
    })
    return yield* begin(principal, endpoint, request).pipe(
      Effect.tap(({ answer, session }) => record({ outcome: "ok", session: session.key, bytesOut: answer.length })),
      Effect.tapError((error) =>
        record({ outcome: error._tag === "SessionTooLarge" ? "invalid" : outcome(error), detail: error.message })
      )
    )
  })
})
