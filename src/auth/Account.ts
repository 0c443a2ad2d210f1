/** What a person may see and end of what they have allowed. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { StoreError } from "../storage/Store.ts"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import { Audit } from "../access/Audit.ts"
import { clientIdentity, Consents } from "./Consents.ts"
import type { Identity } from "./IdentityProvider.ts"
import { Accounts } from "./server/Accounts.ts"
import { AuthorizationServer, type AuthorizationServerError, type ClientInfo } from "./server/AuthorizationServer.ts"
import { type Connection, Connections } from "./server/Connections.ts"
import { RowStore } from "./server/Rows.ts"

/** A program that acts for the person, whatever the number of its grants. */
export interface ConnectedProgram {
  readonly client: ClientInfo
  readonly redirectUri: string
  /** Since when, in epoch milliseconds. */
  readonly since: number
}

export class Account extends Context.Service<
  Account,
  {
    /** The person behind a browser's cookie, if they are still let in. */
    readonly identity: (subject: string | undefined) => Effect.Effect<Option.Option<Identity>, StoreError>
    readonly programs: (
      subject: string
    ) => Effect.Effect<ReadonlyArray<ConnectedProgram>, StoreError | AuthorizationServerError>
    /** Takes back all that a program was given: its tokens are worth nothing on return, and it has to ask again. */
    readonly disconnect: (subject: string, clientId: string) => Effect.Effect<void, StoreError>
  }
>()("mcp-proxy/auth/Account") {}

const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const policy = yield* AccessPolicy
  const audit = yield* Audit
  const connections = yield* Connections
  const consents = yield* Consents
  const server = yield* AuthorizationServer
  const grants = (yield* RowStore).of("Grant")

  const program = Effect.fnUntraced(function* ([clientId, all]: readonly [string, ReadonlyArray<Connection>]) {
    const client = yield* server.client(clientId)
    const latest = all[0]
    if (latest === undefined) return []
    const since = Math.min(...all.map((one) => one.since))
    return [
      {
        client: client ?? { id: clientId, name: undefined, vouchedBy: undefined },
        redirectUri: latest.redirectUri,
        since
      }
    ]
  })

  return Account.of({
    identity: Effect.fnUntraced(function* (subject) {
      const found = subject === undefined ? Option.none() : yield* accounts.find(subject)
      return Option.filter(
        Option.map(found, ({ identity }) => identity),
        (identity) => policy.admit(identity)._tag === "Admitted"
      )
    }),
    programs: Effect.fnUntraced(function* (subject) {
      const byClient = Map.groupBy(yield* connections.of(subject), ({ clientId }) => clientId)
      return (yield* Effect.forEach([...byClient], program)).flat()
    }),
    disconnect: Effect.fnUntraced(function* (subject, clientId) {
      for (const connection of yield* connections.of(subject)) {
        if (connection.clientId !== clientId) continue
        yield* grants.remove(connection.grantId)
        yield* audit.record({
          kind: "revocation",
          outcome: "ok",
          principal: { subject },
          client: { id: clientId },
          target: connection.resource,
          detail: "by the person"
        })
        const remembered = clientIdentity(connection)
        if (remembered !== undefined) yield* consents.forget(subject, remembered)
      }
    })
  })
})

export const layer: Layer.Layer<
  Account,
  never,
  Accounts | AccessPolicy | Audit | Connections | Consents | AuthorizationServer | RowStore
> = Layer.effect(Account, make)
