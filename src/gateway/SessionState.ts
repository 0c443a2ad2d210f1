/** What a legacy session has asked for once and for all: log levels and watched resources, kept true on every connection. */
import * as Effect from "effect/Effect"
import type { Request } from "../domain/ClientMessage.ts"
import { BadParams, type ProxyError } from "../domain/Errors.ts"
import * as Json from "../domain/Json.ts"
import { isLogLevel } from "../domain/Protocol.ts"
import type { ServerId } from "../domain/ServerId.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import type { Router } from "./Router.ts"
import type { Session } from "./Session.ts"
import { Sessions } from "./Sessions.ts"
import * as Watching from "./Watching.ts"
import type { Upstream } from "../upstream/Upstream.ts"

const DONE = Json.utf8("{}")

/** For the sessions of a gateway. */
export const make = Effect.fnUntraced(function* (router: Router) {
  const sessions = yield* Sessions
  const catalog = yield* Catalog
  const fleet = yield* Fleet

  /** What a session watches of a server, by that server's own URIs. */
  const watchedOf = (session: Session, server: ServerId) =>
    Effect.map(
      Effect.forEach([...session.watched], (uri) => Effect.option(router.byUri(session, uri))),
      (owners) =>
        owners.flatMap((owner) => (owner._tag === "Some" && owner.value.server === server ? owner.value.uri : []))
    )

  const tell = Effect.fnUntraced(function* (session: Session, upstream: Upstream["Service"]) {
    session.prepared.add(upstream)
    if (session.logLevel !== undefined) yield* upstream.setLogLevel(session.logLevel)
    yield* Watching.again(upstream, yield* watchedOf(session, upstream.config.id), session.key)
  })

  return {
    /** Tells a connection that is new to this session what the session has asked for so far. */
    prepare: (session: Session, upstream: Upstream["Service"]): Effect.Effect<void, ProxyError> =>
      session.prepared.has(upstream) ? Effect.void : tell(session, upstream),
    watchedOf,
    /** Remembers that the session watches a resource, by the URI that its client knows. */
    watched: (session: Session, uri: string) => {
      session.watched.add(uri)
      return sessions.save(session)
    },
    unwatched: (session: Session, uri: string) => {
      session.watched.delete(uri)
      return sessions.save(session)
    },
    /** Answers logging/setLevel. */
    setLogLevel: Effect.fnUntraced(function* (
      session: Session,
      request: Request
    ): Effect.fn.Return<ReadonlyArray<Uint8Array>, ProxyError> {
      const level = request.params?.get("level")
      if (!isLogLevel(level)) {
        return yield* new BadParams({ reason: `logging/setLevel needs params.level, one of MCP's log levels` })
      }
      session.logLevel = level
      yield* sessions.save(session)
      yield* Effect.forEach(
        catalog.section(session.endpoint, session.caller.principal).servers,
        (server) => fleet.peek(server, session.caller)?.setLogLevel(level) ?? Effect.void,
        { concurrency: "unbounded", discard: true }
      )
      return [DONE]
    })
  }
})
