/** Signing in by OpenID Connect: authorization code with PKCE, the same for Google and every other provider. */
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHash, randomBytes } from "node:crypto"
import { logger } from "../../observability/Logging.ts"
import { type IdentityProvider, ProviderUnavailable, SignInRefused } from "../IdentityProvider.ts"
import type { Endpoints } from "./Endpoints.ts"
import * as IdToken from "./IdToken.ts"
import * as JwkSet from "./JwkSet.ts"
import * as Person from "./Person.ts"
import * as ProviderCalls from "./ProviderCalls.ts"
import * as TokenEndpoint from "./TokenEndpoint.ts"

const log = logger("auth")

export interface OpenIdOptions extends Person.Provider {
  readonly endpoints: Effect.Effect<Endpoints, ProviderUnavailable>
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted<string>
  /** Further parameters of the authorization request. */
  readonly parameters: Readonly<Record<string, string>>
}

/** What is kept of the beginning until the browser comes back. */
const Memory = Schema.fromJsonString(Schema.Struct({ verifier: Schema.String, nonce: Schema.String }))
const decodeMemory = Schema.decodeUnknownOption(Memory)

const random = (): string => randomBytes(32).toString("base64url")

/** A word of the provider's for the log: short, and on one line. */
const quoted = (text: string | null): string => JSON.stringify((text ?? "").slice(0, 200))

/** The provider sent the browser back without a code. */
const declined = (provider: string, query: URLSearchParams): SignInRefused | ProviderUnavailable => {
  const error = query.get("error") ?? ""
  if (error === "server_error" || error === "temporarily_unavailable") {
    return new ProviderUnavailable({ provider, reason: `it says ${error}` })
  }
  const detail = `error ${quoted(error)}, ${quoted(query.get("error_description"))}`
  if (error === "access_denied") {
    return new SignInRefused({ reason: `You were not signed in: ${provider} says that it was not allowed.`, detail })
  }
  return new SignInRefused({ reason: `${provider} did not sign you in. Start again.`, detail })
}

/** The code, from an answer that comes from the provider we asked. */
const codeOf = (provider: string, query: URLSearchParams, endpoints: Endpoints) => {
  const issuer = query.get("iss")
  const isOurs = issuer === null ? !endpoints.namesIssuer : endpoints.issuers.includes(issuer)
  if (!isOurs) {
    const reason = `The answer does not come from ${provider}. Start the sign-in again.`
    return Effect.fail(new SignInRefused({ reason, detail: `iss ${quoted(issuer)}` }))
  }
  const code = query.get("code")
  if (query.has("error")) return Effect.fail(declined(provider, query))
  return code === null || code === ""
    ? Effect.fail(new SignInRefused({ reason: `${provider} sent no answer. Start the sign-in again.` }))
    : Effect.succeed(code)
}

const UserInfo = Schema.decodeUnknownOption(IdToken.Claims)

/** A provider as the service that the rest of the house knows. */
export const make = (
  options: OpenIdOptions
): Effect.Effect<IdentityProvider["Service"], never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const { clientId, endpoints, parameters, provider } = options
    const call = yield* ProviderCalls.make(provider)
    const keys = yield* JwkSet.make(
      provider,
      call,
      Effect.map(endpoints, ({ jwks }) => jwks)
    )
    const grant = TokenEndpoint.make(options, call)

    /** What the ID token does not say of the e-mail, the provider may say when asked; of the same account only. */
    const completed = Effect.fnUntraced(function* (claims: IdToken.Claims, access: TokenEndpoint.Tokens["access"]) {
      const { userinfo } = yield* endpoints
      if (claims.email !== undefined || Option.isNone(userinfo) || Option.isNone(access)) return claims
      const request = HttpClientRequest.get(userinfo.value).pipe(HttpClientRequest.bearerToken(access.value))
      const { body, status } = yield* call("userinfo", request)
      return Option.match(
        Option.filter(Option.flatMap(body, UserInfo), ({ sub }) => status === 200 && sub === claims.sub),
        { onNone: () => claims, onSome: (more) => ({ ...claims, ...more }) }
      )
    })

    return {
      name: provider,
      isDemo: false,
      rechecks: true,
      begin: Effect.fnUntraced(function* ({ again, loginHint, redirectUri, state }) {
        const { authorization, scopes } = yield* endpoints
        const [verifier, nonce] = [random(), random()]
        const url = new URL(authorization)
        const query = {
          response_type: "code",
          client_id: clientId,
          redirect_uri: redirectUri,
          scope: scopes.join(" "),
          state,
          nonce,
          code_challenge: createHash("sha256").update(verifier).digest("base64url"),
          code_challenge_method: "S256",
          ...parameters,
          ...(again ? { prompt: "consent" } : {}),
          ...(loginHint === undefined ? {} : { login_hint: loginHint })
        }
        for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
        yield* log.debug(`${provider}: a visit begins`, { scopes: scopes.join(" "), again })
        return { url: url.href, memory: JSON.stringify({ verifier, nonce }) }
      }),
      complete: Effect.fnUntraced(function* ({ memory, query, redirectUri }) {
        const places = yield* endpoints
        const code = yield* codeOf(provider, query, places)
        const begun = decodeMemory(memory)
        if (Option.isNone(begun)) {
          return yield* new SignInRefused({ reason: "This sign-in was not begun here. Start again.", detail: "memory" })
        }
        const { nonce, verifier } = begun.value
        const tokens = yield* grant("code exchange", {
          grant_type: "authorization_code",
          code,
          redirect_uri: redirectUri,
          code_verifier: verifier
        }).pipe(Effect.catchTag("GrantRefused", (refused) => Effect.fail(TokenEndpoint.stale(provider, refused))))
        if (Option.isNone(tokens.id)) {
          return yield* new SignInRefused({
            reason: `${provider} did not say who you are. Tell whoever runs this server.`,
            detail: "no id_token"
          })
        }
        const believed = yield* IdToken.verify(tokens.id.value, keys, {
          provider,
          issuers: places.issuers,
          clientId,
          nonce
        })
        const identity = yield* Effect.fromResult(Person.identity(yield* completed(believed, tokens.access), options))
        return { identity, refreshToken: tokens.refresh }
      }),
      recheck: Effect.fnUntraced(function* (refreshToken) {
        const tokens = yield* grant("recheck", {
          grant_type: "refresh_token",
          refresh_token: Redacted.value(refreshToken)
        }).pipe(
          Effect.catchTag("GrantRefused", ({ detail }) =>
            Effect.fail(
              new SignInRefused({ reason: `${provider} no longer stands by this sign-in. Sign in again.`, detail })
            )
          )
        )
        return tokens.refresh
      })
    }
  })
