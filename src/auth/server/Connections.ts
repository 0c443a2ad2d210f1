/** Which programs act for which people: one connection for each grant, told to the person that it is for. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { RootKey } from "../../keys/RootKey.ts"
import * as Seal from "../../keys/Seal.ts"
import * as SealedRows from "../../storage/SealedRows.ts"
import type { Store, StoreError } from "../../storage/Store.ts"

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
      const rows = yield* SealedRows.make("connections", yield* Seal.make("connection", Connection))
      const keep = (connection: Connection) => rows.put(connection.grantId, connection, lifetime)
      return Connections.of({
        begin: keep,
        prolong: (grantId) =>
          Effect.flatMap(rows.find(grantId), (found) => (Option.isSome(found) ? keep(found.value) : Effect.void)),
        forget: rows.remove,
        of: (subject) =>
          Effect.map(rows.all, (all) =>
            all.filter((connection) => connection.subject === subject).sort((a, b) => b.since - a.since)
          )
      })
    })
  )
