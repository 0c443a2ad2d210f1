/** A stand-in for Google: the certified `oidc-provider`, which gives refresh tokens as Google does, and can misbehave. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { exportJWK, generateKeyPair, type CryptoKey } from "jose"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { type Configuration, Provider } from "oidc-provider"
import type { Endpoints } from "../../src/auth/providers/Endpoints.ts"
import { SCOPES } from "../../src/auth/providers/Google.ts"
import { memoryAdapter } from "./memoryAdapter.ts"

/** An account. */
export interface Account {
  readonly sub: string
  readonly email: string
  readonly email_verified?: boolean
  readonly name?: string
  readonly hd?: string
}

export const ANN: Account = { sub: "1001", email: "Ann@Example.com", name: "Ann Example", hd: "Example.com" }
export const BOB: Account = { sub: "1002", email: "bob@gmail.com", name: "Bob" }

/** `failing`: calls are answered 503. `silent`: they are not answered. The person's browser is served all the same. */
export type Outage = "none" | "failing" | "silent"

/** Makes another ID token of the one that was going to be sent; with the key that signs here. */
export type Forger = (idToken: string, key: CryptoKey) => Promise<string>

export interface GoogleOptions {
  /** Where browsers may be sent back to. */
  readonly redirectUris: ReadonlyArray<string>
  /** Who is signed in at first. */
  readonly account?: Account
  /** They agreed long ago: a first visit brings no refresh token. */
  readonly agreedBefore?: boolean
  readonly port?: number
  /** Exchange refresh tokens for others at every use, which Google does not do. */
  readonly rotates?: boolean
}

/** A call that came in from the proxy. */
export interface SeenCall {
  readonly path: string
  /** The `grant_type` of a token request. */
  readonly grant: string
}

/** A visit of a browser, by what it was sent with. */
export type SeenVisit = URLSearchParams

export interface Google {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted<string>
  /** For `GoogleEndpoints`. */
  readonly endpoints: Endpoints
  /** From now on it is this account that signs in, without being asked anything. */
  readonly signIn: (account: Account) => Effect.Effect<void>
  /** Whether people press "cancel" from now on. */
  readonly refuse: (refuses: boolean) => Effect.Effect<void>
  /** The account is gone: its refresh tokens are refused. */
  readonly revoke: (account: Account) => Effect.Effect<void>
  readonly outage: (outage: Outage) => Effect.Effect<void>
  readonly forge: (forger: Forger | undefined) => Effect.Effect<void>
  /** All calls so far, those of browsers excepted. */
  readonly calls: () => ReadonlyArray<SeenCall>
  /** All visits of browsers so far. */
  readonly visits: () => ReadonlyArray<SeenVisit>
}

const CLIENT_ID = "stand-in.apps.googleusercontent.com"
const CLIENT_SECRET = "GOCSPX-stand-in-secret-0123456789"

const DAY = 86_400

/** What a person can change at Google while it runs. */
interface State {
  readonly accounts: Map<string, Account>
  account: Account
  refuses: boolean
  outage: Outage
  forger: Forger | undefined
  readonly calls: Array<SeenCall>
  readonly visits: Array<SeenVisit>
  /** The accounts that have been asked once whether they agree: only then, or if asked again, is there a refresh token. */
  readonly agreed: Set<string>
  /** The grants that are owed a refresh token. */
  readonly owed: Set<string>
}

const configuration = (options: GoogleOptions, state: State, jwk: object): Configuration => ({
  adapter: memoryAdapter(),
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      redirect_uris: [...options.redirectUris],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_post"
    }
  ],
  clientAuthMethods: ["client_secret_post"],
  jwks: { keys: [jwk] },
  cookies: { keys: ["stand-in"] },
  scopes: [...SCOPES, "email", "profile", "offline_access"],
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name"],
    [SCOPES[1] ?? ""]: ["email", "email_verified", "hd"],
    [SCOPES[2] ?? ""]: ["name"]
  },
  conformIdTokenClaims: false,
  extraParams: ["access_type", "audience"],
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  rotateRefreshToken: options.rotates ?? false,
  issueRefreshToken: (_, __, code) => Promise.resolve(state.owed.delete(code.grantId ?? "")),
  findAccount: (_, sub) => {
    const account = state.accounts.get(sub)
    return account && { accountId: sub, claims: () => ({ email_verified: true, ...account }) }
  },
  ttl: {
    AccessToken: 3600,
    AuthorizationCode: 60,
    Grant: DAY,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: DAY,
    Session: DAY
  }
})

/** The page at which a person signs in and agrees: this one does both at once, or cancels. */
const interact = async (provider: Provider, state: State, request: IncomingMessage, response: ServerResponse) => {
  const { params } = await provider.interactionDetails(request, response)
  if (state.refuses) {
    await provider.interactionFinished(request, response, { error: "access_denied" })
    return
  }
  const { sub } = state.account
  const grant = new provider.Grant({ accountId: sub, clientId: CLIENT_ID })
  grant.addOIDCScope(String(params["scope"]))
  const grantId = await grant.save()
  const isAsked = !state.agreed.has(sub) || String(params["prompt"] ?? "").includes("consent")
  const isOffline = params["access_type"] === "offline" || String(params["scope"]).includes("offline_access")
  if (isAsked && isOffline) state.owed.add(grantId)
  state.agreed.add(sub)
  await provider.interactionFinished(request, response, { login: { accountId: sub }, consent: { grantId } })
}

/** Nobody stays signed in here, so that whoever `signIn` names is who signs in. */
const forgetSession = (request: IncomingMessage): void => {
  const kept = (request.headers.cookie ?? "").split("; ").filter((cookie) => !cookie.startsWith("_session"))
  request.headers.cookie = kept.join("; ")
}

const isForBrowsers = (path: string): boolean => /^\/(?:auth|interaction)(?:\/|$)/u.test(path)

const listener = (provider: Provider, state: State) => {
  const handle = provider.callback()
  return (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? "/").split("?")[0] ?? "/"
    forgetSession(request)
    if (path === "/auth") state.visits.push(new URL(request.url ?? "/", "http://localhost").searchParams)
    if (!isForBrowsers(path)) {
      if (state.outage !== "none") state.calls.push({ path, grant: "" })
      if (state.outage === "silent") return
      if (state.outage === "failing") {
        response.writeHead(503).end("unavailable")
        return
      }
    }
    if (path.startsWith("/interaction/")) {
      interact(provider, state, request, response).catch((cause: unknown) => response.writeHead(500).end(String(cause)))
      return
    }
    void handle(request, response)
  }
}

const watch = (provider: Provider, state: State, key: CryptoKey): void => {
  provider.use(async (context, next) => {
    await next()
    if (isForBrowsers(context.path)) return
    state.calls.push({ path: context.path, grant: String(context.oidc?.params?.["grant_type"] ?? "") })
    const body = context.body as { id_token?: string } | undefined
    if (state.forger !== undefined && typeof body?.id_token === "string") {
      body.id_token = await state.forger(body.id_token, key)
    }
  })
}

const listening = (port: number): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback((resume) => {
      const server = createServer()
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

/** Starts a stand-in on a loopback port, until the scope closes. */
export const startGoogle = (options: GoogleOptions): Effect.Effect<Google, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* listening(options.port ?? 0)
    const address = server.address()
    const issuer = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
    const { privateKey } = yield* Effect.promise(() => generateKeyPair("RS256", { extractable: true }))
    const jwk = { ...(yield* Effect.promise(() => exportJWK(privateKey))), kid: "google-1", alg: "RS256", use: "sig" }
    const account = options.account ?? ANN
    const state: State = {
      accounts: new Map([[account.sub, account]]),
      account,
      refuses: false,
      outage: "none",
      forger: undefined,
      calls: [],
      visits: [],
      agreed: new Set(options.agreedBefore === true ? [account.sub] : []),
      owed: new Set()
    }
    const provider = new Provider(issuer, configuration(options, state, jwk))
    watch(provider, state, privateKey)
    server.on("request", listener(provider, state))
    return {
      issuer,
      clientId: CLIENT_ID,
      clientSecret: Redacted.make(CLIENT_SECRET),
      endpoints: {
        issuers: [issuer],
        authorization: `${issuer}/auth`,
        token: `${issuer}/token`,
        jwks: `${issuer}/jwks`,
        userinfo: Option.none(),
        authentication: "post",
        namesIssuer: false,
        scopes: SCOPES
      },
      signIn: (next) =>
        Effect.sync(() => {
          state.account = next
          state.accounts.set(next.sub, next)
        }),
      refuse: (refuses) => Effect.sync(() => void (state.refuses = refuses)),
      revoke: ({ sub }) => Effect.sync(() => void state.accounts.delete(sub)),
      outage: (outage) => Effect.sync(() => void (state.outage = outage)),
      forge: (forger) => Effect.sync(() => void (state.forger = forger)),
      calls: () => state.calls,
      visits: () => state.visits
    }
  })
