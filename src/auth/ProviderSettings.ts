/** The variables of each provider, and what is missing of them. Pure. */
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { KeyInHand } from "../keys/KeySource.ts"
import * as Setting from "../settings/Setting.ts"
import type { Values } from "../settings/Settings.ts"

const decodeIssuer = (value: string): Result.Result<Option.Option<string>, string> => {
  const expected = "the provider's issuer, an https:// URL without query or fragment"
  if (!URL.canParse(value)) return Result.fail(expected)
  const { hash, password, protocol, search, username } = new URL(value)
  const isPlain = hash === "" && search === "" && username === "" && password === ""
  return isPlain && /^https?:$/u.test(protocol) ? Result.succeed(Option.some(value)) : Result.fail(expected)
}

const decodeDomain = (value: string): Result.Result<Option.Option<string>, string> => {
  const domain = value.replace(/^https:\/\//iu, "").replace(/\/+$/u, "")
  return /^[a-z0-9.-]+\.[a-z0-9-]+$/iu.test(domain)
    ? Result.succeed(Option.some(domain.toLowerCase()))
    : Result.fail("a domain such as example.eu.auth0.com")
}

const google = {
  googleClientId: Setting.optional({
    name: "GOOGLE_CLIENT_ID",
    description:
      'OAuth client ID of the type "Web application", from https://console.cloud.google.com/apis/credentials.'
  }),
  googleClientSecret: Setting.secret({ name: "GOOGLE_CLIENT_SECRET", description: "The secret of that client." })
}

const oidc = {
  oidcIssuer: Setting.custom<Option.Option<string>>({
    name: "OIDC_ISSUER",
    description: "With MCP_AUTH_PROVIDER=oidc: the issuer, below which /.well-known/openid-configuration answers.",
    fallback: "",
    absent: Option.none(),
    decode: decodeIssuer
  }),
  oidcClientId: Setting.optional({ name: "OIDC_CLIENT_ID", description: "The client registered there." }),
  oidcClientSecret: Setting.secret({ name: "OIDC_CLIENT_SECRET", description: "The secret of that client." })
}

const auth0 = {
  auth0Domain: Setting.custom<Option.Option<string>>({
    name: "AUTH0_DOMAIN",
    description: "With MCP_AUTH_PROVIDER=oauth_proxy: the tenant, such as example.eu.auth0.com.",
    fallback: "",
    absent: Option.none(),
    decode: decodeDomain
  }),
  auth0ClientId: Setting.optional({
    name: "AUTH0_CLIENT_ID",
    description: "A Regular Web Application of that tenant."
  }),
  auth0ClientSecret: Setting.secret({ name: "AUTH0_CLIENT_SECRET", description: "The secret of that application." }),
  auth0Audience: Setting.optional({
    name: "AUTH0_AUDIENCE",
    description: "An API of that tenant to ask access for. Not needed to sign in."
  })
}

export const settings = { ...google, ...oidc, ...auth0 }

/** Who signs people in, with all that it takes. */
export type Provider =
  | { readonly _tag: "Google"; readonly clientId: string; readonly clientSecret: Redacted.Redacted<string> }
  | {
      readonly _tag: "Oidc"
      /** For people. */
      readonly name: string
      readonly issuer: string
      readonly clientId: string
      readonly clientSecret: Redacted.Redacted<string>
      readonly audience: Option.Option<string>
    }
  | { readonly _tag: "Demo" }

/** The choices of MCP_AUTH_PROVIDER that sign people in elsewhere. */
export type ProviderName = "google" | "oidc" | "oauth_proxy"

const GROUPS = { google, oidc, oauth_proxy: auth0 }

/** For people. */
export const LABEL: Readonly<Record<ProviderName, string>> = {
  google: "Google",
  oidc: "an OpenID provider",
  oauth_proxy: "Auth0"
}

/** Where the values come from, given our callback's URL. */
export const SOURCE: Readonly<Record<ProviderName, (callback: string) => string>> = {
  google: (callback) =>
    `Make an OAuth client ID of the type "Web application" at https://console.cloud.google.com/apis/credentials, with the redirect URI ${callback}`,
  oidc: (callback) => `Register a web client with a secret at your provider, with the redirect URI ${callback}`,
  oauth_proxy: (callback) =>
    `Make a Regular Web Application at https://manage.auth0.com, with the callback URL ${callback}`
}

/** The variables that a provider cannot do without. */
export const required = (name: ProviderName): ReadonlyArray<string> =>
  Object.values(GROUPS[name])
    .map((setting) => setting.name)
    .filter((variable) => variable !== auth0.auth0Audience.name)

/** Those of a provider's variables that are set. */
export const present = (name: ProviderName, values: Values<typeof settings>): ReadonlyArray<string> =>
  Object.entries(GROUPS[name]).flatMap(([key, setting]) =>
    Option.isSome(values[key as keyof typeof values] as Option.Option<unknown>) ? [setting.name] : []
  )

const all = {
  google: (values: Values<typeof settings>): Option.Option<Provider> =>
    Option.map(Option.all({ clientId: values.googleClientId, clientSecret: values.googleClientSecret }), (client) => ({
      _tag: "Google",
      ...client
    })),
  oidc: (values: Values<typeof settings>): Option.Option<Provider> =>
    Option.map(
      Option.all({
        issuer: values.oidcIssuer,
        clientId: values.oidcClientId,
        clientSecret: values.oidcClientSecret
      }),
      (client) => ({ _tag: "Oidc", name: new URL(client.issuer).hostname, audience: Option.none(), ...client })
    ),
  oauth_proxy: (values: Values<typeof settings>): Option.Option<Provider> =>
    Option.map(
      Option.all({
        domain: values.auth0Domain,
        clientId: values.auth0ClientId,
        clientSecret: values.auth0ClientSecret
      }),
      ({ clientId, clientSecret, domain }) => ({
        _tag: "Oidc",
        name: "Auth0",
        issuer: `https://${domain}/`,
        clientId,
        clientSecret,
        audience: values.auth0Audience
      })
    )
}

/** The provider, or the names of what is missing. */
export const provider = (
  name: ProviderName,
  values: Values<typeof settings>
): Result.Result<Provider, ReadonlyArray<string>> => {
  const set = new Set(present(name, values))
  return Result.fromOption(all[name](values), () => required(name).filter((variable) => !set.has(variable)))
}

/** A provider's client secret as a root of keys; none where there is no secret. */
export const clientSecret = (name: ProviderName, provider: Provider): Option.Option<KeyInHand> =>
  provider._tag === "Demo"
    ? Option.none()
    : Option.some({
        name: required(name).find((variable) => variable.endsWith("_CLIENT_SECRET")) ?? "",
        secret: provider.clientSecret
      })
