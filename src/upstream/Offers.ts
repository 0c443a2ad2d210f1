/** What one connection's server offers: fetched, told of where it changed, and fetched anew when it may have. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Catalogue from "../domain/Catalogue.ts"
import type { ServerConfig } from "../domain/ServerConfig.ts"
import { logger } from "../observability/Logging.ts"
import type { Connection } from "./Connection.ts"
import * as Listing from "./Listing.ts"
import * as MirroredHeaders from "./MirroredHeaders.ts"
import type { UpstreamEvent, UpstreamState } from "./Upstream.ts"

const log = logger("upstream")

const isOverHttp = (connection: Connection): boolean => connection.headersFor({ method: "tools/call" }) !== undefined

type Fetched = Partial<Readonly<Record<Catalogue.Kind, Listing.Fetched>>>

export const make = Effect.fnUntraced(function* (options: {
  readonly config: ServerConfig
  readonly state: SubscriptionRef.SubscriptionRef<UpstreamState>
  readonly shelf: Catalogue.Shelf
  readonly publish: (event: UpstreamEvent) => void
  /** The connection in use; waits for one. */
  readonly connected: Effect.Effect<Connection>
  readonly current: () => Connection | undefined
  /** Would a change of this list be told of? */
  readonly covers: (kind: Catalogue.Kind) => boolean
  /** Says something to the operator, where this connection is the one to say it. */
  readonly complain: (text: string) => Effect.Effect<void>
}) {
  const { complain, config, connected, covers, current, publish, shelf, state } = options
  const server = config.id
  const scope = yield* Effect.scope
  const fetchedAt = new Map<Catalogue.Kind, number>()
  /** Until then, in epoch milliseconds, no list has outlived its hint: lists are asked for often, and of many servers. */
  let freshUntil = Infinity
  const rejected = new Set<string>()

  /** Tools by which the transport would have to say something impossible are left out, and once complained of. */
  const sayable = Effect.fnUntraced(function* (items: ReadonlyArray<Catalogue.Item>) {
    const kept: Array<Catalogue.Item> = []
    for (const item of items) {
      const fault = MirroredHeaders.fault(item)
      if (fault === undefined) kept.push(item)
      else if (!rejected.has(item.name)) {
        rejected.add(item.name)
        yield* complain(`${server}: the tool ${JSON.stringify(item.name)} is left out: ${fault}`)
      }
    }
    return kept
  })

  const fetch = Effect.fnUntraced(function* (connection: Connection, kinds: ReadonlyArray<Catalogue.Kind>) {
    const entries = yield* Effect.forEach(
      kinds,
      Effect.fnUntraced(function* (kind) {
        const fetched = yield* Listing.fetch(connection, kind, server)
        if (kind !== "tools" || !isOverHttp(connection)) return [kind, fetched] as const
        return [kind, { ...fetched, items: yield* sayable(fetched.items) }] as const
      }),
      { concurrency: "unbounded" }
    )
    return Object.fromEntries(entries) as Fetched
  })

  /** Takes what was fetched for what is offered, and tells of what is new about it. */
  const adopt = Effect.fnUntraced(function* (fetched: Fetched) {
    const now = yield* Clock.currentTimeMillis
    const before = SubscriptionRef.getUnsafe(state)
    const lists: Record<Catalogue.Kind, ReadonlyArray<Catalogue.Item>> = { ...before.catalogue.lists }
    const hints = { ...before.hints }
    for (const kind of Catalogue.KINDS) {
      const news = fetched[kind]
      if (news === undefined) continue
      lists[kind] = news.items
      fetchedAt.set(kind, now)
      if (news.hint === undefined) delete hints[kind]
      else hints[kind] = news.hint
    }
    freshUntil = Math.min(
      ...Catalogue.KINDS.map((kind) => (fetchedAt.get(kind) ?? 0) + (hints[kind]?.ttlMs ?? Infinity))
    )
    const kinds = Catalogue.differences(before.catalogue.lists, lists)
    const catalogue = kinds.length === 0 ? before.catalogue : shelf.shelve(lists)
    yield* SubscriptionRef.update(state, (now) => ({ ...now, catalogue, hints }))
    if (kinds.length > 0) publish({ _tag: "ListChanged", kinds })
  })

  const refresh = Effect.fnUntraced(function* (kinds: ReadonlyArray<Catalogue.Kind>) {
    const connection = yield* connected
    const fetched = yield* fetch(connection, kinds)
    // What could not be fetched is better known as it was than not at all.
    const known = Object.fromEntries(Object.entries(fetched).filter(([, { isKnown }]) => isKnown))
    if (current() === connection) yield* adopt(known)
  })

  const clock = yield* Clock.Clock
  const isStale = (kind: Catalogue.Kind): boolean => {
    const hint = SubscriptionRef.getUnsafe(state).hints[kind]
    const at = fetchedAt.get(kind)
    if (hint === undefined || at === undefined || current() === undefined || covers(kind)) return false
    return clock.currentTimeMillisUnsafe() >= at + hint.ttlMs
  }

  let freshening: Deferred.Deferred<void> | undefined
  const isFresh = (): boolean =>
    freshening === undefined &&
    (freshUntil === Infinity || clock.currentTimeMillisUnsafe() < freshUntil || !Catalogue.KINDS.some(isStale))
  const freshen = Effect.gen(function* () {
    if (freshening !== undefined) return yield* Deferred.await(freshening)
    const kinds = Catalogue.KINDS.filter(isStale)
    if (kinds.length === 0) return
    const done = Deferred.makeUnsafe<void>()
    freshening = done
    // Whoever asked first may leave; the others wait for the same.
    yield* refresh(kinds).pipe(
      Effect.timeout(config.callTimeout),
      Effect.catch((error) => log.debug(`Refreshing lists failed: ${error.message}`, { server })),
      Effect.ensuring(
        Effect.suspend(() => {
          freshening = undefined
          return Deferred.succeed(done, undefined)
        })
      ),
      Effect.forkIn(scope)
    )
    yield* Deferred.await(done)
  })

  return { fetch, adopt, refresh, isFresh, freshen }
})
