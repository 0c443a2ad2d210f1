/**
 * What sessions of an earlier process had asked for is put to their servers again as soon as they come back, whatever they
 * come back with: whoever only listens hears what was promised.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { Catalog } from "../fleet/Catalog.ts"
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
  const restore = Effect.fnUntraced(function* (session: Session) {
    const { caller, endpoint } = session
    yield* Effect.forEach(
      catalog.section(endpoint, caller.principal).servers,
      Effect.fnUntraced(function* (server) {
        const watched = yield* state.watchedOf(session, server)
        const upstream = watched.length > 0 ? yield* fleet.borrow(server, caller) : fleet.peek(server, caller)
        if (upstream !== undefined) yield* state.prepare(session, upstream)
      }),
      { concurrency: "unbounded", discard: true }
    )
  }, Effect.scoped)

  const revived = Stream.fromSubscription(yield* PubSub.subscribe(sessions.revived))
  yield* Vital.fork(
    "Restoring sessions",
    Stream.runForEach(revived, (session) =>
      session.watched.size === 0 && session.logLevel === undefined
        ? Effect.void
        : Effect.forkIn(Effect.ignore(restore(session)), scope)
    )
  )
})

/** Runs for as long as the gateway does. */
export const layer: Layer.Layer<never, never, Sessions | Catalog | Fleet> = Layer.effectDiscard(make)
