/**
 * What sessions of an earlier process had asked for is put to their servers again as soon as they come back, whatever they
 * come back with: whoever only listens hears what was promised.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { Catalog } from "../fleet/Catalog.ts"
import type { ServerId } from "../domain/ServerId.ts"
import { Fleet } from "../fleet/Fleet.ts"
import * as Vital from "../observability/Vital.ts"
import * as Router from "./Router.ts"
import type { Session } from "./Session.ts"
import * as SessionState from "./SessionState.ts"
import { Sessions } from "./Sessions.ts"

const make = Effect.gen(function* () {
  const sessions = yield* Sessions
  const catalog = yield* Catalog
  const fleet = yield* Fleet
  const state = yield* SessionState.make(yield* Router.make)
  const scope = yield* Effect.scope

  /** A connection of the session's own is opened where something is watched; for a log level alone there is nothing to log. */
  const restoreAt = Effect.fnUntraced(function* (session: Session, server: ServerId) {
    const watched = yield* state.watchedOf(session, server)
    const upstream =
      watched.length > 0 ? yield* fleet.borrow(server, session.caller) : fleet.peek(server, session.caller)
    if (upstream !== undefined) yield* state.prepare(session, upstream)
  }, Effect.scoped)

  const restore = (session: Session) =>
    Effect.forEach(
      catalog.section(session.endpoint, session.caller.principal).servers,
      // A server that cannot be had now is told with the next call to it.
      (server) => Effect.ignore(restoreAt(session, server)),
      { concurrency: "unbounded", discard: true }
    )

  const revived = Stream.fromSubscription(yield* PubSub.subscribe(sessions.revived))
  yield* Vital.fork(
    "Restoring sessions",
    Stream.runForEach(revived, (session) =>
      session.watched.size === 0 && session.logLevel === undefined
        ? Effect.void
        : Effect.forkIn(restore(session), scope)
    )
  )
})

/** Runs for as long as the gateway does. */
export const layer: Layer.Layer<never, never, Sessions | Catalog | Fleet> = Layer.effectDiscard(make)
