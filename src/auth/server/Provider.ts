/**
 * `oidc-provider`, set up as an OAuth 2.1 authorization server for MCP and nothing else: no ID tokens, no sessions of
 * its own, no pages. What it keeps is in our rows, and whom it speaks for our hooks say.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Effect from "effect/Effect"
import { createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto"
import type * as OidcProviderModule from "oidc-provider"
import type { Adapter, Client, Configuration, KoaContextWithOIDC, Provider } from "oidc-provider"
import type { Identity } from "../IdentityProvider.ts"
import { canonicalResource, type PublicUrl } from "../PublicUrl.ts"
import * as RedirectUri from "../RedirectUri.ts"
import * as Scopes from "../Scopes.ts"
import type { StoreError } from "../../storage/Store.ts"
import type { DocumentRefused } from "./ClientDocuments.ts"
import type { AlreadyUsed, RowStore } from "./Rows.ts"

/** Where the paths that it serves are, for us to call; only the first four are the world's. */
export const ROUTES = {
  authorization: "/authorize",
  token: "/token",
  registration: "/register",
  revocation: "/revoke"
} as const

/** Ours alone: what it would show a person is shown by our own pages instead. */
const INTERACTION = "/interaction"

export interface SigningKey {
  readonly id: string
  readonly bytes: Uint8Array
}

/** What the server asks the rest of the house. */
export interface Hooks {
  readonly rows: RowStore["Service"]["of"]
  readonly account: (subject: string) => Effect.Effect<Option.Option<Identity>, StoreError>
  /** May the person of a refresh token have another access token? */
  readonly mayRefresh: (subject: string, grantId: string | undefined) => Effect.Effect<boolean, StoreError>
  readonly fetchDocument: (url: string) => Effect.Effect<Response, DocumentRefused>
  /** The id of a client that has no secret: the same for the same registration. */
  readonly clientId: (registration: unknown) => string
  /** The library awaits promises. */
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>
}

export interface ProviderOptions {
  readonly url: PublicUrl
  readonly accessTokenLifetime: Duration.Duration
  readonly refreshTokenLifetime: Duration.Duration
  readonly signingKey: SigningKey
  readonly cookieKeys: ReadonlyArray<Uint8Array>
  readonly hooks: Hooks
}

/** How long a code may be exchanged. */
export const CODE_LIFETIME = Duration.minutes(5)

/** How long a person may take from the first page to the last. */
export const FLOW_LIFETIME = Duration.minutes(30)

const seconds = (duration: Duration.Duration): number => Math.max(1, Math.floor(Duration.toSeconds(duration)))

/** It insists on a key for ID tokens, of which it never issues one. */
const unusedKey = () => ({
  ...generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" }),
  alg: "ES256",
  use: "sig"
})

const secretOrPublicId = (hooks: Hooks, ctx: KoaContextWithOIDC): string => {
  const body = ctx.oidc.body as Readonly<Record<string, unknown>> | undefined
  return body?.["token_endpoint_auth_method"] === "none" ? hooks.clientId(body) : randomBytes(16).toString("base64url")
}

type Library = typeof OidcProviderModule

const adapterOf =
  ({ rows, run }: Hooks, { errors }: Library) =>
  (kind: string): Adapter => {
    const own = rows(kind)
    const grants = rows("Grant")
    const usedBefore = ({ grantId }: AlreadyUsed) =>
      Effect.andThen(
        grantId === undefined ? Effect.void : grants.remove(grantId),
        Effect.fail(new errors.InvalidGrant("it was used before; everything that it gave is revoked"))
      )
    return {
      upsert: (id, payload, expiresIn) => run(own.put(id, payload, expiresIn)),
      find: (id) => run(own.find(id)),
      consume: (id) => run(Effect.catchTag(own.consume(id), "AlreadyUsed", usedBefore)),
      destroy: (id) => run(own.remove(id)),
      // Without its grant, which is removed with this, nothing that hangs on it is worth anything.
      revokeByGrantId: () => run(Effect.void),
      findByUid: () => run(Effect.void),
      findByUserCode: () => run(Effect.void)
    }
  }

/** Every authorization is asked for anew: whether a person need see a page is decided where pages are. */
const policyOf = ({ interactionPolicy: { base, Check, Prompt } }: Library) => {
  const policy = base()
  policy.clear()
  const asked = new Check("consent_required", "the person has not agreed yet", "consent_required", (ctx) =>
    ctx.oidc.result?.consent === undefined ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT
  )
  policy.add(new Prompt({ name: "consent", requestable: true }, asked))
  return policy
}

const configure = (library: Library, options: ProviderOptions): Configuration => {
  const { hooks, url } = options
  const lifetimes = {
    AccessToken: seconds(options.accessTokenLifetime),
    RefreshToken: seconds(options.refreshTokenLifetime),
    Grant: seconds(options.refreshTokenLifetime),
    AuthorizationCode: seconds(CODE_LIFETIME),
    Interaction: seconds(FLOW_LIFETIME),
    Session: seconds(FLOW_LIFETIME)
  }
  const signing = createSecretKey(options.signingKey.bytes)
  const { run } = hooks
  return {
    adapter: adapterOf(hooks, library),
    routes: ROUTES,
    jwks: { keys: [unusedKey()] },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    clientDefaults: {
      id_token_signed_response_alg: "ES256",
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none"
    },
    extraClientMetadata: { properties: ["software_id", "software_version"] },
    clientAuthMethods: ["none", "client_secret_basic", "client_secret_post"],
    cookies: { keys: options.cookieKeys.map((key) => Buffer.from(key).toString("base64url")) },
    scopes: [...Scopes.SUPPORTED],
    responseTypes: ["code"],
    pkce: { required: () => true },
    ttl: lifetimes,
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    expiresWithSession: () => false,
    allowOmittingSingleRegisteredRedirectUri: true,
    interactions: { policy: policyOf(library), url: (_ctx, interaction) => `${INTERACTION}/${interaction.uid}` },
    loadExistingGrant: (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId
      return grantId === undefined ? undefined : ctx.oidc.provider.Grant.find(grantId)
    },
    findAccount: (_ctx, subject, token) =>
      run(
        Effect.map(
          token?.kind === "RefreshToken" ? hooks.mayRefresh(subject, token.grantId) : Effect.succeed(true),
          (may) => (may ? { accountId: subject, claims: () => ({ sub: subject }) } : undefined)
        )
      ),
    extraTokenClaims: (_ctx, token) =>
      "accountId" in token
        ? run(Effect.map(hooks.account(token.accountId), (found) => claimsOf(found, token.grantId)))
        : undefined,
    fetch: (target) => run(hooks.fetchDocument(String(target))),
    renderError: (ctx, out) => {
      ctx.type = "application/json"
      ctx.body = JSON.stringify(out)
    },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId
      },
      registration: {
        enabled: true,
        initialAccessToken: false,
        issueRegistrationAccessToken: false,
        idFactory: (ctx) => secretOrPublicId(hooks, ctx),
        secretFactory: () => randomBytes(32).toString("base64url")
      },
      clientIdMetadataDocument: { enabled: true, ack: "draft-02", cacheDuration: { min: 60, max: 86_400 } },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => url.resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => {
          const audience = canonicalResource(url, resource)
          if (audience === undefined) throw new library.errors.InvalidTarget()
          return {
            audience,
            scope: Scopes.UNDERSTOOD,
            accessTokenFormat: "jwt",
            accessTokenTTL: lifetimes.AccessToken,
            jwt: { sign: { alg: "HS256", key: signing, kid: options.signingKey.id } }
          }
        }
      }
    }
  }
}

const claimsOf = (found: Option.Option<Identity>, grantId: string | undefined) =>
  Option.match(found, {
    onNone: () => undefined,
    onSome: ({ email, hostedDomain }) => ({
      email,
      gid: grantId,
      ...(hostedDomain === undefined ? {} : { hd: hostedDomain })
    })
  })

/** Makes the server. The library is imported here, for without sign-in nobody needs it. */
export const make = (options: ProviderOptions): Effect.Effect<Provider> =>
  Effect.map(
    Effect.promise(() => import("oidc-provider")),
    (library) => {
      const provider = new library.Provider(options.url.issuer, configure(library, options))
      provider.proxy = true
      provider.Client.prototype.redirectUriAllowed = function (this: Client, presented: string): boolean {
        return RedirectUri.isRegistered(this.redirectUris ?? [], presented)
      }
      return provider
    }
  )
