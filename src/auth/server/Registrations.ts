/** Registrations that nobody has used yet. Anybody may make them, so they are bounded in number. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Store, type StoreError } from "../../storage/Store.ts"

/** More than are ever under way at once, and few enough to be kept. */
export const MAX_UNUSED = 10_000

const TABLE = "oauth unused"

export interface Registrations {
  readonly isUnused: (key: string) => boolean
  /** A client has registered. The key of the oldest that is still unused, where it has to make room. */
  readonly begin: (key: string, timeToLive: Duration.Duration) => Effect.Effect<string | undefined, StoreError>
  /** A person has let the client in: it makes room for nobody any more. */
  readonly used: (key: string) => Effect.Effect<void, StoreError>
}

export const make = (max = MAX_UNUSED): Effect.Effect<Registrations, StoreError, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const rows = yield* store.list(TABLE)
    // In the order in which they came.
    const unused = new Set([...rows].sort((a, b) => Number(a.value) - Number(b.value)).map(({ key }) => key))
    const forget = (key: string) => {
      unused.delete(key)
      return store.remove(TABLE, key)
    }
    return {
      isUnused: (key) => unused.has(key),
      begin: Effect.fnUntraced(function* (key, timeToLive) {
        unused.delete(key)
        unused.add(key)
        const now = yield* Clock.currentTimeMillis
        yield* store.put(TABLE, { key, value: String(now) }, timeToLive)
        const [oldest] = unused
        if (unused.size <= max || oldest === undefined) return undefined
        yield* forget(oldest)
        return oldest
      }),
      used: (key) => (unused.has(key) ? forget(key) : Effect.void)
    }
  })
