/** Which programs act for which people: one connection for each grant, told to the person that it is for. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import type { RootKey } from "../../keys/RootKey.ts"
import * as Seal from "../../keys/Seal.ts"
import { Store, type StoreError } from "../../storage/Store.ts"

export const Connection = Schema.Struct({
  grantId: Schema.String,
  subject: Schema.String,
  clientId: Schema.String,
  /** Where the program had its code sent. */
  redirectUri: Schema.String,
  resource: Schema.String,
  /** When the person allowed it, in epoch milliseconds. */
  since: Schema.Finite
})
export type Connection = typeof Connection.Type

const TABLE = "connections"

const keyOf = (grantId: string): string => createHash("sha256").update(grantId).digest("base64url")

export class Connections extends Context.Service<
  Connections,
  {
    readonly begin: (connection: Connection) => Effect.Effect<void, StoreError>
    /** The program has come back: the connection is kept for as long again. */
    readonly prolong: (grantId: string) => Effect.Effect<void, StoreError>
    readonly forget: (grantId: string) => Effect.Effect<void, StoreError>
    /** A person's, the latest first. */
    readonly of: (subject: string) => Effect.Effect<ReadonlyArray<Connection>, StoreError>
  }
>()("mcp-proxy/auth/server/Connections") {}

/** A connection lasts as long as an unused refresh token. */
export const layer = (lifetime: Duration.Duration): Layer.Layer<Connections, never, Store | RootKey> =>
  Layer.effect(
    Connections,
    Effect.gen(function* () {
      const store = yield* Store
      const seal = yield* Seal.make("connection", Connection)
      return Connections.of({
        begin: (connection) =>
          Effect.flatMap(seal.seal(connection), (value) =>
            store.put(TABLE, { key: keyOf(connection.grantId), value }, lifetime)
          ),
        prolong: Effect.fnUntraced(function* (grantId) {
          const stored = yield* store.get(TABLE, keyOf(grantId))
          if (Option.isSome(stored)) yield* store.put(TABLE, { key: keyOf(grantId), value: stored.value }, lifetime)
        }),
        forget: (grantId) => store.remove(TABLE, keyOf(grantId)),
        of: Effect.fnUntraced(function* (subject) {
          const rows = yield* store.list(TABLE)
          const all = yield* Effect.forEach(rows, ({ value }) => seal.open(value))
          return all
            .flatMap(Option.toArray)
            .filter((connection) => connection.subject === subject)
            .sort((a, b) => b.since - a.since)
        })
      })
    })
  )
