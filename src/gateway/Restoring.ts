/**
 * What sessions have asked for is put to their servers again where those cannot know it: when a session of an earlier process
 * comes back, whatever it comes back with, and when a changed configuration has put another connection into a server's
 * place. Whoever only listens hears what was promised.
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

  /** At all of the session's servers, or at one of them; nobody waits for it. */
  const restore = (session: Session, only?: ServerId) =>
    session.watched.size === 0 && session.logLevel === undefined
      ? Effect.void
      : Effect.forkIn(
          Effect.forEach(
            catalog
              .section(session.endpoint, session.caller.principal)
              .servers.filter((server) => only === undefined || server === only),
            // A server that cannot be had now is told with the next call to it.
            (server) => Effect.ignore(restoreAt(session, server)),
            { concurrency: "unbounded", discard: true }
          ),
          scope
        )

  const revived = Stream.fromSubscription(yield* PubSub.subscribe(sessions.revived))
  yield* Vital.fork(
    "Restoring sessions",
    Stream.runForEach(revived, (session) => restore(session))
  )
  const events = Stream.fromSubscription(yield* PubSub.subscribe(fleet.events))
  yield* Vital.fork(
    "Restoring sessions where a server was replaced",
    Stream.runForEach(events, ({ event, server }) =>
      event._tag === "Replaced"
        ? Effect.forEach([...sessions.all()], (session) => restore(session, server), { discard: true })
        : Effect.void
    )
  )
})

/** Runs for as long as the gateway does. */
export const layer: Layer.Layer<never, never, Sessions | Catalog | Fleet> = Layer.effectDiscard(make)
