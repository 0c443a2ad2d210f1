/** The people who have signed in: what their provider said of them, and what asks the provider about them again. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Principal } from "../../domain/Principal.ts"
import type { RootKey } from "../../keys/RootKey.ts"
import * as Seal from "../../keys/Seal.ts"
import * as SealedRows from "../../storage/SealedRows.ts"
import type { Store, StoreError } from "../../storage/Store.ts"
import { Identity, type SignedIn } from "../IdentityProvider.ts"

/** A sign-in as it is kept: sealed, wherever that is. */
export const SignedInAccount = Schema.Struct({
  identity: Identity,
  /** The provider's, not ours. */
  refreshToken: Schema.optionalKey(Schema.String)
})
type SignedInAccount = typeof SignedInAccount.Type

export const toKept = ({ identity, refreshToken }: SignedIn): SignedInAccount => ({
  identity,
  ...(Option.isNone(refreshToken) ? {} : { refreshToken: Redacted.value(refreshToken.value) })
})

export const fromKept = ({ identity, refreshToken }: SignedInAccount): SignedIn => ({
  identity,
  refreshToken: Option.map(Option.fromUndefinedOr(refreshToken), (token) => Redacted.make(token))
})

/** A person as the rest of the house knows them. */
export const principalOf = ({ email, hostedDomain, subject }: Identity): Principal => ({
  subject,
  kind: "person",
  displayName: email,
  email,
  ...(hostedDomain === undefined ? {} : { hostedDomain })
})

export class Accounts extends Context.Service<
  Accounts,
  {
    /** Keeps what a sign-in brought. A refresh token that it did not bring again stays. */
    readonly signedIn: (signedIn: SignedIn) => Effect.Effect<SignedIn, StoreError>
    readonly find: (subject: string) => Effect.Effect<Option.Option<SignedIn>, StoreError>
    /** The account is in use: it is kept as long again. */
    readonly touch: (subject: string) => Effect.Effect<void, StoreError>
    /** Forgets the person, and with them what asks the provider about them. */
    readonly forget: (subject: string) => Effect.Effect<void, StoreError>
  }
>()("mcp-proxy/auth/server/Accounts") {}

/** Accounts are kept as long as the longest unused refresh token of ours. */
export const layer = (lifetime: Duration.Duration): Layer.Layer<Accounts, never, Store | RootKey> =>
  Layer.effect(
    Accounts,
    Effect.gen(function* () {
      const rows = yield* SealedRows.make("accounts", yield* Seal.make("account", SignedInAccount))
      const keep = Duration.sum(lifetime, Duration.days(1))
      const find = (subject: string) => Effect.map(rows.find(subject), Option.map(fromKept))
      const write = (account: SignedIn) => rows.put(account.identity.subject, toKept(account), keep)

      return Accounts.of({
        find,
        signedIn: Effect.fnUntraced(function* ({ identity, refreshToken }) {
          const before = yield* find(identity.subject)
          const account: SignedIn = {
            identity,
            refreshToken: Option.orElse(refreshToken, () => Option.flatMap(before, (known) => known.refreshToken))
          }
          yield* write(account)
          return account
        }),
        touch: (subject) =>
          Effect.flatMap(find(subject), (found) => (Option.isSome(found) ? write(found.value) : Effect.void)),
        forget: rows.remove
      })
    })
  )
