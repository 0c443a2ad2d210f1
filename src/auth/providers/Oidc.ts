/** Any other OpenID provider, found by its issuer (OpenID Connect Discovery 1.0). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { logger } from "../../observability/Logging.ts"
import { IdentityProvider, ProviderUnavailable } from "../IdentityProvider.ts"
import type { Endpoints } from "./Endpoints.ts"
import * as OpenId from "./OpenId.ts"
import * as ProviderCalls from "./ProviderCalls.ts"

const log = logger("auth")

/** How long what was discovered is believed. */
const FRESH = Duration.hours(1)

const Metadata = Schema.Struct({
  issuer: Schema.String,
  authorization_endpoint: Schema.String,
  token_endpoint: Schema.String,
  jwks_uri: Schema.String,
  userinfo_endpoint: Schema.optionalKey(Schema.String),
  scopes_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  token_endpoint_auth_methods_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  authorization_response_iss_parameter_supported: Schema.optionalKey(Schema.Boolean)
})
type Metadata = typeof Metadata.Type

const decode = Schema.decodeUnknownOption(Metadata)

/** People write the issuer with or without a slash at its end. */
const bare = (issuer: string): string => issuer.replace(/\/$/u, "")

/** An issuer that is reached by TLS has no address that is not; our secret is sent there. */
const isSafe = (issuer: string, address: string): boolean =>
  URL.canParse(address) &&
  (new URL(address).protocol === "https:" ||
    (new URL(issuer).protocol === "http:" && new URL(address).protocol === "http:"))

const scopesOf = ({ scopes_supported: supported }: Metadata): ReadonlyArray<string> =>
  // With it comes a refresh token, with which accounts are rechecked. Who does not know it may refuse it.
  ["openid", "email", "profile", ...(supported?.includes("offline_access") === true ? ["offline_access"] : [])]

/** What a provider's document says; or why it cannot be used. */
const endpointsOf = (issuer: string, metadata: Metadata): Result.Result<Endpoints, string> => {
  if (bare(metadata.issuer) !== bare(issuer)) {
    return Result.fail(`its document is of another issuer, ${JSON.stringify(metadata.issuer.slice(0, 200))}`)
  }
  const { authorization_endpoint, jwks_uri, token_endpoint, userinfo_endpoint } = metadata
  const all = [
    authorization_endpoint,
    jwks_uri,
    token_endpoint,
    ...Option.toArray(Option.fromUndefinedOr(userinfo_endpoint))
  ]
  if (!all.every((address) => isSafe(issuer, address))) {
    return Result.fail("its document names an address that is not https://")
  }
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]
  return Result.succeed({
    issuers: [metadata.issuer],
    authorization: authorization_endpoint,
    token: token_endpoint,
    jwks: jwks_uri,
    userinfo: Option.fromUndefinedOr(userinfo_endpoint),
    authentication: methods.includes("client_secret_basic") ? "basic" : "post",
    namesIssuer: metadata.authorization_response_iss_parameter_supported === true,
    scopes: scopesOf(metadata)
  })
}

export interface OidcOptions {
  /** For people. */
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted<string>
  readonly audience: Option.Option<string>
}

const discovery = Effect.fnUntraced(function* ({ issuer, name: provider }: OidcOptions) {
  const call = yield* ProviderCalls.make(provider)
  const address = `${bare(issuer)}/.well-known/openid-configuration`
  const discover = Effect.gen(function* () {
    const { body, status } = yield* call("discovery", HttpClientRequest.get(address))
    const metadata = Option.flatMap(body, decode)
    if (status !== 200 || Option.isNone(metadata)) {
      const reason = `${address} is not the document of an OpenID provider (HTTP ${status})`
      return yield* new ProviderUnavailable({ provider, reason })
    }
    return yield* Effect.fromResult(
      Result.mapError(endpointsOf(issuer, metadata.value), (reason) => new ProviderUnavailable({ provider, reason }))
    )
  })
  return yield* Effect.cachedWithTTL(discover, (exit) => (Exit.isSuccess(exit) ? FRESH : Duration.zero))
})

/** The subject says which issuer's: ids of two issuers may be the same. */
const prefix = (issuer: string): string => {
  const { host, pathname } = new URL(issuer)
  return `oidc:${host}${bare(pathname)}`
}

/** Discovers the provider with the first sign-in; a look at the start tells the log what would go wrong. */
export const layer = (options: OidcOptions) =>
  Layer.effect(
    IdentityProvider,
    Effect.gen(function* () {
      const endpoints = yield* discovery(options)
      yield* endpoints.pipe(
        Effect.catch((error) => log.warning(`Nobody can sign in yet: ${error.message}`)),
        Effect.forkScoped
      )
      return yield* OpenId.make({
        provider: options.name,
        prefix: prefix(options.issuer),
        vouchesForDomains: false,
        endpoints,
        clientId: options.clientId,
        clientSecret: options.clientSecret,
        parameters: Option.match(options.audience, { onNone: () => ({}), onSome: (audience) => ({ audience }) })
      })
    })
  )
