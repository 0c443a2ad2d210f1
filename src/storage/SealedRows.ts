/** Rows that are worth nothing to who reads the database: found by a digest of their id, their values sealed. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { createHash } from "node:crypto"
import type { Seal } from "../keys/Seal.ts"
import { Store, type StoreError } from "./Store.ts"

/** The key under which an id is kept. Ids are often secrets themselves. */
export const digest = (id: string): string => createHash("sha256").update(id).digest("base64url")

/** What was sealed under a key that is lost is not there. */
export interface SealedRows<A> {
  readonly put: (id: string, value: A, timeToLive: Duration.Duration) => Effect.Effect<void, StoreError>
  readonly find: (id: string) => Effect.Effect<Option.Option<A>, StoreError>
  /** Of two takers, one gets the value. */
  readonly take: (id: string) => Effect.Effect<Option.Option<A>, StoreError>
  readonly remove: (id: string) => Effect.Effect<void, StoreError>
  readonly all: Effect.Effect<ReadonlyArray<A>, StoreError>
}

/** The rows of one table. */
export const make = <A>(table: string, seal: Seal<A>): Effect.Effect<SealedRows<A>, never, Store> =>
  Effect.map(Store, (store) => {
    const opened = (stored: Option.Option<string>): Effect.Effect<Option.Option<A>> =>
      Option.isNone(stored) ? Effect.succeedNone : seal.open(stored.value)
    return {
      put: (id, value, timeToLive) =>
        Effect.flatMap(seal.seal(value), (sealed) => store.put(table, { key: digest(id), value: sealed }, timeToLive)),
      find: (id) => Effect.flatMap(store.get(table, digest(id)), opened),
      take: (id) => Effect.flatMap(store.take(table, digest(id)), opened),
      remove: (id) => store.remove(table, digest(id)),
      all: Effect.flatMap(store.list(table), (rows) =>
        Effect.map(
          Effect.forEach(rows, ({ value }) => seal.open(value)),
          (values) => values.flatMap(Option.toArray)
        )
      )
    }
  })
