/** The authorization server on our rows, keys and people. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { createHmac } from "node:crypto"
import { AccessPolicy } from "../../access/AccessPolicy.ts"
import { RootKey } from "../../keys/RootKey.ts"
import * as SigningKeys from "../../keys/SigningKeys.ts"
import { logger } from "../../observability/Logging.ts"
import type { StoreError } from "../../storage/Store.ts"
import { IdentityProvider } from "../IdentityProvider.ts"
import type { PublicUrl } from "../PublicUrl.ts"
import * as AccessTokens from "./AccessTokens.ts"
import * as Accounts from "./Accounts.ts"
import * as AuthorizationServer from "./AuthorizationServer.ts"
import * as ClientDocuments from "./ClientDocuments.ts"
import * as Connections from "./Connections.ts"
import * as Provider from "./Provider.ts"
import * as RegistrationRecords from "./RegistrationRecords.ts"
import * as RevokeAccessToken from "./RevokeAccessToken.ts"
import * as Revocations from "./Revocations.ts"
import * as Rows from "./Rows.ts"
import * as Verdicts from "./Verdicts.ts"

const log = logger("auth")

export interface Options {
  readonly url: PublicUrl
  readonly accessTokenLifetime: Duration.Duration
  readonly refreshTokenLifetime: Duration.Duration
}

/** May the person have another access token? Refused by the provider, or by the operator, they may not. */
const makeRecheck = Effect.gen(function* () {
  const accounts = yield* Accounts.Accounts
  const identityProvider = yield* IdentityProvider
  const policy = yield* AccessPolicy
  return Effect.fnUntraced(function* (subject: string): Effect.fn.Return<boolean, StoreError> {
    const found = yield* accounts.find(subject)
    if (Option.isNone(found)) return false
    const { identity, refreshToken } = found.value
    if (policy.admit(identity)._tag === "Refused") return false
    if (identityProvider.rechecks && Option.isSome(refreshToken)) {
      const stands = yield* identityProvider.recheck(refreshToken.value).pipe(
        Effect.tap((exchanged) =>
          Option.isNone(exchanged) ? Effect.void : accounts.signedIn({ identity, refreshToken: exchanged })
        ),
        Effect.as(true),
        Effect.catchTags({
          SignInRefused: (error) =>
            Effect.as(
              log.info(`${identityProvider.name} no longer vouches for ${identity.email}: ${error.reason}`),
              false
            ),
          // That it cannot be asked says nothing about the person.
          ProviderUnavailable: (error) => Effect.as(log.warning(error.message), true)
        })
      )
      if (!stands) {
        yield* accounts.forget(subject)
        return false
      }
    }
    yield* accounts.touch(subject)
    return true
  })
})

export const layer = (options: Options) =>
  Layer.effect(
    AuthorizationServer.AuthorizationServer,
    Effect.gen(function* () {
      const rows = yield* Rows.RowStore
      const accounts = yield* Accounts.Accounts
      const root = yield* RootKey
      const { current: signing } = yield* SigningKeys.derive(AccessTokens.PURPOSE)
      const recheck = yield* makeRecheck
      const run = Effect.runPromiseWith(yield* Effect.context<never>())
      const identify = yield* root.derive("client ids")
      const cookies = yield* root.derive("authorization server cookies")
      const fetchDocument = yield* ClientDocuments.makeFetch
      const grants = rows.of("Grant")
      const hooks: Provider.Hooks = {
        run,
        rows: rows.of,
        account: (subject) =>
          Effect.map(
            accounts.find(subject),
            Option.map(({ identity }) => identity)
          ),
        mayRefresh: (subject, grantId) =>
          Effect.tap(recheck(subject), (may) => (may || grantId === undefined ? Effect.void : grants.remove(grantId))),
        fetchDocument,
        clientId: (registration) =>
          createHmac("sha256", Redacted.value(identify.current))
            .update(JSON.stringify(registration))
            .digest("base64url")
            .slice(0, 32)
      }
      const provider = yield* Provider.make({
        ...options,
        signingKey: { id: signing.id, bytes: Redacted.value(signing.secret) },
        cookieKeys: [cookies.current, ...cookies.previous].map(Redacted.value),
        hooks
      })
      yield* Verdicts.listen(provider)
      const server = AuthorizationServer.make(provider, options.url, yield* Connections.Connections)
      const withAccessTokens = yield* RevokeAccessToken.make
      const recorded = yield* RegistrationRecords.make
      return { ...server, revoke: withAccessTokens(server.revoke), register: recorded(server.register) }
    })
  ).pipe(
    Layer.provideMerge(AccessTokens.layer(options.url)),
    Layer.provideMerge(Rows.layer),
    Layer.provideMerge(Connections.layer(options.refreshTokenLifetime)),
    Layer.provideMerge(Accounts.layer(options.refreshTokenLifetime)),
    Layer.provideMerge(Revocations.layer(options.accessTokenLifetime))
  )
