/** An authorization server in this process, and a client of it that does all that a client does. */
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { createHash, randomBytes } from "node:crypto"
import { Subject } from "../../src/domain/ServerId.ts"
import { type Identity, IdentityProvider } from "../../src/auth/IdentityProvider.ts"
import * as PublicUrl from "../../src/auth/PublicUrl.ts"
import { Accounts } from "../../src/auth/server/Accounts.ts"
import { AuthorizationServer } from "../../src/auth/server/AuthorizationServer.ts"
import * as Audit from "../../src/access/Audit.ts"
import { type AccessPolicy, layerEveryone } from "../../src/access/AccessPolicy.ts"
import * as Server from "../../src/auth/server/ServerLayer.ts"
import { RootKey } from "../../src/keys/RootKey.ts"
import { layerMemory } from "../../src/storage/Store.ts"

export const url = PublicUrl.make("https://mcp.example.com", "")

export const ann: Identity = { subject: Subject.make("test:ann"), email: "ann@example.com", name: "Ann" }

/** A provider that is never asked for a sign-in; `recheck` is the test's. */
export const providerLayer = (recheck: IdentityProvider["Service"]["recheck"] = () => Effect.succeedNone) =>
  Layer.succeed(IdentityProvider, {
    name: "Test",
    isDemo: false,
    rechecks: true,
    begin: () => Effect.die(new Error("not in this test")),
    complete: () => Effect.die(new Error("not in this test")),
    recheck
  })

export const serverLayer = ({
  policy = layerEveryone,
  ...options
}: Partial<Server.Options> & { readonly policy?: Layer.Layer<AccessPolicy> } = {}) =>
  Server.layer({
    url,
    accessTokenLifetime: Duration.hours(1),
    refreshTokenLifetime: Duration.days(30),
    ...options
  }).pipe(Layer.provide(Layer.merge(policy, Audit.layerNone)))

export const memory = Layer.merge(layerMemory, RootKey.layerRandom)

export const pkce = () => {
  const verifier = randomBytes(32).toString("base64url")
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") }
}

/** A client's request with everything that it needs. */
export const goodRequest = (client: string, redirectUri: string, extra: Readonly<Record<string, string>> = {}) => {
  const { challenge, verifier } = pkce()
  const query = {
    client_id: client,
    response_type: "code",
    redirect_uri: redirectUri,
    code_challenge: challenge,
    code_challenge_method: "S256",
    state: "xyz",
    ...extra
  }
  return { query, verifier }
}

/** What an endpoint says, where it says what a test looks for. */
export interface Answer {
  readonly client_id: string
  readonly client_secret: string
  readonly access_token: string
  readonly refresh_token: string
  readonly error?: string
  readonly [name: string]: unknown
}

export const register = (metadata: Record<string, unknown>) =>
  Effect.gen(function* () {
    const server = yield* AuthorizationServer
    const answer = yield* server.register(metadata)
    return { status: answer.status, body: JSON.parse(answer.body) as Answer }
  })

export const signIn = (identity: Identity) =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    return yield* accounts.signedIn({ identity, refreshToken: Option.none() })
  })

export interface Code {
  readonly code: string
  readonly verifier: string
  readonly redirectUri: string
  readonly clientId: string
  readonly redirect: URL
}

/** From the request to the code, the person agreeing. */
export const authorize = (
  clientId: string,
  redirectUri: string,
  extra: Record<string, string> = {},
  identity: Identity = ann
) =>
  Effect.gen(function* () {
    const server = yield* AuthorizationServer
    const { query, verifier } = goodRequest(clientId, redirectUri, extra)
    const authorization = yield* server.authorize(new URLSearchParams(query))
    if (authorization._tag !== "Ask") return yield* Effect.die(new Error(JSON.stringify(authorization)))
    yield* signIn(identity)
    const location = yield* server.allow(authorization.transaction, identity.subject)
    const redirect = new URL(location ?? "about:blank")
    return { code: redirect.searchParams.get("code") ?? "", verifier, redirectUri, clientId, redirect } satisfies Code
  })

export const token = (form: Record<string, string>, authorization?: string) =>
  Effect.gen(function* () {
    const server = yield* AuthorizationServer
    const answer = yield* server.token({ authorization, body: new URLSearchParams(form).toString() })
    return { status: answer.status, headers: answer.headers, body: JSON.parse(answer.body) as Answer }
  })

export const exchange = ({ clientId, code, redirectUri, verifier }: Code, extra: Record<string, string> = {}) =>
  token({
    grant_type: "authorization_code",
    client_id: clientId,
    code,
    code_verifier: verifier,
    redirect_uri: redirectUri,
    ...extra
  })

export const refresh = (clientId: string, refreshToken: string, extra: Record<string, string> = {}) =>
  token({ grant_type: "refresh_token", client_id: clientId, refresh_token: refreshToken, ...extra })
