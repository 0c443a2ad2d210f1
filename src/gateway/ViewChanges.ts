/** What another policy, or another configuration, means for those who are connected. Calls under way go on. */
import * as Effect from "effect/Effect"
import * as Function from "effect/Function"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import * as Catalogue from "../domain/Catalogue.ts"
import * as View from "../domain/View.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"
import type { Session } from "./Session.ts"
import { Sessions } from "./Sessions.ts"
import { listsChanged } from "./Subscriptions.ts"
import * as Watching from "./Watching.ts"

const log = logger("access")

const make = Effect.gen(function* () {
  const policy = yield* AccessPolicy
  const catalog = yield* Catalog
  const fleet = yield* Fleet
  const sessions = yield* Sessions
  const scope = yield* Effect.scope

  /** Stops watching for a session what it may not see any more. */
  const unwatch = Effect.fnUntraced(function* (session: Session) {
    const { caller, endpoint, watched } = session
    const before = watched.size
    for (const uri of watched) {
      const owner = View.resourceOwner(catalog.allServers(endpoint), catalog.scheme(endpoint), uri)
      if (owner !== undefined && catalog.mayUse(caller.principal, "resources", owner.server, owner.uri)) continue
      watched.delete(uri)
      const upstream = owner === undefined ? undefined : fleet.peek(owner.server, caller)
      if (owner === undefined || upstream === undefined) continue
      yield* Effect.forkIn(Effect.ignore(Watching.unwatch(upstream, owner.uri, session.key)), scope)
    }
    if (watched.size < before) yield* sessions.save(session)
  })

  const concern = Effect.fnUntraced(function* (session: Session) {
    yield* unwatch(session)
    if (catalog.exists(session.endpoint, session.caller.principal)) {
      listsChanged(catalog, session, Catalogue.KINDS)
      return
    }
    // Whoever comes back is answered as things are now.
    for (const stream of session.standingStreams) stream.finish()
  })

  const follow = Stream.runForEach(
    // The configuration at the start is no change.
    Stream.merge(
      Stream.map(policy.changes, Function.constVoid),
      Stream.map(Stream.drop(fleet.changes, 1), Function.constVoid)
    ),
    Effect.fnUntraced(function* () {
      for (const remark of policy.remarks(fleet.config().servers.map(({ id }) => id))) yield* log.warning(remark)
      yield* Effect.forEach([...sessions.all()], concern, { discard: true })
    })
  )
  yield* Vital.fork("Telling sessions of a new view", follow)
})

/** Runs for as long as the gateway does. */
export const layer: Layer.Layer<never, never, AccessPolicy | Fleet | Catalog | Sessions> = Layer.effectDiscard(make)
