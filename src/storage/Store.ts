/** Small durable state: rows that expire, and rows that can be taken but once. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** The storage itself failed: full, read-only, damaged. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  operation: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Storage failed to ${this.operation}: ${this.reason}`
  }
}

export interface Row {
  readonly key: string
  readonly value: string
}

/** Rows live in named tables. A row past its expiry is not there. */
export class Store extends Context.Service<
  Store,
  {
    /** Writes a row, replacing one of the same key. On return it would survive a crash. */
    readonly put: (table: string, row: Row, timeToLive: Duration.Duration) => Effect.Effect<void, StoreError>
    /** Writes a row unless there is one of that key; says whether it did. Of two writers, one is told yes. */
    readonly add: (table: string, row: Row, timeToLive: Duration.Duration) => Effect.Effect<boolean, StoreError>
    readonly get: (table: string, key: string) => Effect.Effect<Option.Option<string>, StoreError>
    /** Reads and removes in one step: of two takers, one gets the value. */
    readonly take: (table: string, key: string) => Effect.Effect<Option.Option<string>, StoreError>
    readonly remove: (table: string, key: string) => Effect.Effect<void, StoreError>
    /** All rows of a table, by key. */
    readonly list: (table: string) => Effect.Effect<ReadonlyArray<Row>, StoreError>
  }
>()("mcp-proxy/storage/Store") {}

/** A store that ends with the process. */
export const layerMemory: Layer.Layer<Store> = Layer.sync(Store, () => {
  const tables = new Map<string, Map<string, { readonly value: string; readonly expiresAt: number }>>()
  const table = (name: string) => {
    const found = tables.get(name)
    if (found !== undefined) return found
    const made = new Map<string, { readonly value: string; readonly expiresAt: number }>()
    tables.set(name, made)
    return made
  }
  const read = (name: string, key: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const row = table(name).get(key)
      if (row === undefined) return Option.none<string>()
      if (row.expiresAt > now) return Option.some(row.value)
      table(name).delete(key)
      return Option.none<string>()
    })
  return Store.of({
    put: (name, row, timeToLive) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        table(name).set(row.key, { value: row.value, expiresAt: now + Duration.toMillis(timeToLive) })
      }),
    add: (name, row, timeToLive) =>
      Effect.flatMap(read(name, row.key), (found) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          if (Option.isSome(found)) return false
          table(name).set(row.key, { value: row.value, expiresAt: now + Duration.toMillis(timeToLive) })
          return true
        })
      ),
    get: read,
    take: (name, key) => Effect.tap(read(name, key), () => Effect.sync(() => table(name).delete(key))),
    remove: (name, key) => Effect.sync(() => void table(name).delete(key)),
    list: (name) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        [...table(name)]
          .filter(([, row]) => row.expiresAt > now)
          .map(([key, row]) => ({ key, value: row.value }))
          .sort((a, b) => (a.key < b.key ? -1 : 1))
      )
  })
})
