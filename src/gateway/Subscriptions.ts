/** What servers do of their own accord, told to the sessions that it concerns. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as Catalogue from "../domain/Catalogue.ts"
import * as Json from "../domain/Json.ts"
import * as ResourceUri from "../domain/ResourceUri.ts"
import * as Lane from "../domain/Lane.ts"
import type { Entry } from "../domain/View.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import * as Vital from "../observability/Vital.ts"
import type { LaneEvent } from "../upstream/Upstream.ts"
import { isWanted, published } from "./Exchange.ts"
import type { Requester } from "./Requester.ts"
import type { Session } from "./Session.ts"
import { Sessions } from "./Sessions.ts"

/** The same entries, in whatever order: who has a list in another order has no reason to fetch it again. */
const sameEntries = (a: ReadonlyArray<Entry>, b: ReadonlyArray<Entry>): boolean => {
  if (a === b) return true
  if (a.length !== b.length) return false
  const others = new Map(b.map((entry) => [entry.name, entry]))
  return a.every((entry) => {
    const other = others.get(entry.name)
    return other?.server === entry.server && Buffer.compare(entry.bytes, other.bytes) === 0
  })
}

/** Which of the lists are no longer as they were shown? */
export const changedLists = (
  catalog: Catalog["Service"],
  { caller, endpoint }: Requester,
  shown: ReadonlyMap<Catalogue.Kind, ReadonlyArray<Entry>>,
  kinds: ReadonlyArray<Catalogue.Kind>
): ReadonlyArray<Catalogue.Kind> =>
  kinds.filter((kind) => {
    const before = shown.get(kind)
    return before !== undefined && !sameEntries(before, catalog.known(endpoint, caller).lists[kind])
  })

/** The notifications that say so, each once. */
export const changes = (kinds: ReadonlyArray<Catalogue.Kind>): ReadonlySet<string> =>
  new Set(kinds.map((kind) => Catalogue.LIST[kind].changed))

/** Tells a session, once, of each list that is no longer as it was shown. */
export const listsChanged = (
  catalog: Catalog["Service"],
  session: Session,
  kinds: ReadonlyArray<Catalogue.Kind>
): void => {
  const changed = changedLists(catalog, session, session.shown, kinds)
  for (const kind of changed) session.shown.delete(kind)
  for (const method of changes(changed)) session.tell(Json.encode({ jsonrpc: "2.0", method }))
}

const make = Effect.gen(function* () {
  const fleet = yield* Fleet
  const catalog = yield* Catalog
  const sessions = yield* Sessions

  const dispatch = (laneEvent: LaneEvent): void => {
    const { event, server } = laneEvent
    if (event._tag === "Replaced") return
    for (const session of sessions.all()) {
      const { scheme, servers } = catalog.section(session.endpoint, session.caller.principal)
      if (!servers.includes(server) || !Lane.serves(laneEvent.lane, session.caller)) continue
      if (event._tag === "ListChanged") {
        listsChanged(catalog, session, event.kinds)
        continue
      }
      const rename = scheme.uris === "prefixed" ? (uri: string) => ResourceUri.toPublic(server, uri) : undefined
      if (event._tag === "ResourceUpdated" && !session.watched.has(rename?.(event.uri) ?? event.uri)) continue
      if (event._tag === "ResourceUpdated" && !catalog.mayUse(session.caller.principal, "resources", server, event.uri))
        continue
      if (isWanted(event.frame, session.logLevel)) session.tell(published(event.frame, rename))
    }
  }

  // Taken out here, so that what happens while the loop begins again is not lost on it.
  const events = Stream.fromSubscription(yield* PubSub.subscribe(fleet.events))
  yield* Vital.fork(
    "The dispatch of servers' events to sessions",
    Stream.runForEach(events, (event) => Effect.sync(() => dispatch(event)))
  )
})

/** Runs for as long as the gateway does. */
export const layer: Layer.Layer<never, never, Fleet | Catalog | Sessions> = Layer.effectDiscard(make)
