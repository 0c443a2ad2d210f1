/** How the proxy may run as it is set up: where it listens, what it is called, who signs people in. Pure. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as KeySource from "../keys/KeySource.ts"
import * as Setting from "../settings/Setting.ts"
import type { Values } from "../settings/Settings.ts"
import * as ProviderSettings from "./ProviderSettings.ts"

export const settings = {
  provider: Setting.choice({
    name: "MCP_AUTH_PROVIDER",
    description:
      "Who signs people in: google; oidc, any other OpenID provider; oauth_proxy, Auth0; demo, a page where one types a name; none, no sign-in. The last two are for this machine only.",
    fallback: "google",
    choices: ["google", "oidc", "oauth_proxy", "demo", "none"]
  }),
  disabled: Setting.flag({
    name: "MCP_DISABLE_AUTH",
    description: "The same as MCP_AUTH_PROVIDER=none."
  }),
  allowInsecure: Setting.flag({
    name: "MCP_ALLOW_INSECURE",
    description:
      "Let a proxy without real sign-in listen on an address that others can reach. Anyone there can use every tool."
  }),
  accessTokenTtl: Setting.duration({
    name: "MCP_ACCESS_TOKEN_TTL",
    description: "How long an access token is valid; clients renew it by themselves.",
    fallback: "1 h"
  }),
  refreshTokenTtl: Setting.duration({
    name: "MCP_REFRESH_TOKEN_TTL",
    description: "How long a client stays signed in without being used.",
    fallback: "30 d"
  })
}

/** What the choice rests on, beside the settings above. */
export interface Wanted {
  readonly host: Option.Option<string>
  /** Without trailing slash. */
  readonly baseUrl: Option.Option<string>
  readonly pathPrefix: string
  readonly port: number
  /** The address of a socket that was handed over, which counts in place of host and port; a Unix socket has no port. */
  readonly handed: { readonly host: string; readonly port: number | undefined } | undefined
  readonly isLoopback: (host: string) => boolean
  readonly providers: Values<typeof ProviderSettings.settings>
  readonly keys: Values<typeof KeySource.settings>
}

export type Mode = { readonly _tag: "None" } | { readonly _tag: "SignIn"; readonly provider: ProviderSettings.Provider }

export interface Exposure {
  readonly host: string
  readonly baseUrl: string
  readonly mode: Mode
  readonly keys: KeySource.KeySource
  /** To be said at every start. */
  readonly warnings: ReadonlyArray<string>
}

const names = (all: ReadonlyArray<string>): string => all.join(", ").replace(/, ([^,]+)$/u, " and $1")

const OTHERS: ReadonlyArray<ProviderSettings.ProviderName> = ["google", "oidc", "oauth_proxy"]

/** The variables of other providers that are set to no effect, each provider with its name. */
const strays = (chosen: string, values: Wanted["providers"]) =>
  OTHERS.filter((name) => name !== chosen).flatMap((name) => {
    const variables = ProviderSettings.present(name, values)
    return variables.length === 0 ? [] : [{ name, variables: names(variables) }]
  })

const callback = (wanted: Wanted): string =>
  `${Option.getOrElse(wanted.baseUrl, () => "{MCP_BASE_URL}")}${wanted.pathPrefix}/auth/callback`

const missing = (
  name: ProviderSettings.ProviderName,
  variables: ReadonlyArray<string>,
  wanted: Wanted
): ReadonlyArray<string> => {
  const all = [...variables, ...(Option.isNone(wanted.baseUrl) ? ["MCP_BASE_URL"] : [])]
  if (all.length === 0) return []
  const sentences = [
    `Sign-in with ${ProviderSettings.LABEL[name]} (MCP_AUTH_PROVIDER=${name}) needs ${names(all)} to be set.`,
    ...(variables.length === 0 ? [] : [`${ProviderSettings.SOURCE[name](callback(wanted))}.`]),
    ...(Option.isSome(wanted.baseUrl) ? [] : ["MCP_BASE_URL is the address under which clients reach this proxy."]),
    ...strays(name, wanted.providers).map((other) => `${other.variables}: used with MCP_AUTH_PROVIDER=${other.name}.`),
    "To try it with nothing to set up: MCP_AUTH_PROVIDER=demo. Without sign-in, for this machine only: MCP_AUTH_PROVIDER=none."
  ]
  return [sentences.join(" ")]
}

/** Beyond loopback, what passes between browser and proxy must not be read on the way. */
const insecureUrl = (variable: string, value: Option.Option<string>, { isLoopback }: Wanted): ReadonlyArray<string> => {
  const isInsecure = Option.exists(value, (text) => {
    const { hostname, protocol } = new URL(text)
    return protocol !== "https:" && !isLoopback(hostname)
  })
  return isInsecure ? [`${variable} has to begin with https://, unless its host is this machine (localhost).`] : []
}

const samePath = ({ baseUrl, pathPrefix }: Wanted): ReadonlyArray<string> =>
  pathPrefix !== "" && Option.exists(baseUrl, (text) => new URL(text).pathname === pathPrefix)
    ? [
        `MCP_BASE_URL ends in ${pathPrefix}, and MCP_PATH_PREFIX is ${pathPrefix} too. A path in MCP_BASE_URL is what an outer proxy strips; MCP_PATH_PREFIX is what this proxy serves. Keep one of them.`
      ]
    : []

const openWithoutSignIn = (host: string, what: string, isHanded: boolean): string => {
  const [cause, remedy] = isHanded
    ? [`The socket that was handed over, on ${host},`, "Have it listen on 127.0.0.1 (ListenStream=)"]
    : [`MCP_HOST=${host}`, "Leave MCP_HOST unset"]
  return `${cause} lets others reach a proxy that has ${what}. ${remedy}, or, in a container or where whoever reaches it may use every tool, set MCP_ALLOW_INSECURE=true.`
}

const lifetimes = ({ accessTokenTtl, refreshTokenTtl }: Values<typeof settings>): ReadonlyArray<string> => [
  ...(Duration.isLessThan(accessTokenTtl, Duration.seconds(1))
    ? ["MCP_ACCESS_TOKEN_TTL has to be a second or more."]
    : []),
  ...(Duration.isLessThan(refreshTokenTtl, accessTokenTtl)
    ? ["MCP_REFRESH_TOKEN_TTL has to be as long as MCP_ACCESS_TOKEN_TTL, or longer."]
    : [])
]

const unused = (chosen: string, wanted: Wanted): ReadonlyArray<string> =>
  strays(chosen, wanted.providers).map(
    ({ name, variables }) =>
      `Not used: ${variables}, for MCP_AUTH_PROVIDER is ${chosen}. Unset them, or set MCP_AUTH_PROVIDER=${name}.`
  )

const localUrl = ({ handed, port }: Wanted): string => {
  const known = handed === undefined ? port : handed.port
  return known === undefined ? "http://localhost" : `http://localhost:${known}`
}

const hostOf = ({ handed, host }: Wanted, fallback: string): string =>
  handed === undefined ? Option.getOrElse(host, () => fallback) : handed.host

/** `none` and `demo`: whoever reaches the proxy may use it. */
const withoutProof = (
  chosen: "none" | "demo",
  values: Values<typeof settings>,
  wanted: Wanted
): Result.Result<Exposure, ReadonlyArray<string>> => {
  const what =
    chosen === "none"
      ? "no sign-in (MCP_AUTH_PROVIDER=none)"
      : "a sign-in that asks for no proof (MCP_AUTH_PROVIDER=demo)"
  const host = hostOf(wanted, "127.0.0.1")
  const isOpen = !wanted.isLoopback(host)
  const keys = KeySource.choose(wanted.keys, Option.none())
  const problems = [
    ...(isOpen && !values.allowInsecure ? [openWithoutSignIn(host, what, wanted.handed !== undefined)] : []),
    ...samePath(wanted),
    ...(chosen === "demo" ? lifetimes(values) : []),
    ...(Result.isFailure(keys) ? [keys.failure] : [])
  ]
  if (problems.length > 0 || Result.isFailure(keys)) return Result.fail(problems)
  const head = chosen === "none" ? "No sign-in" : "Sign-in asks for no proof, so anyone can be anybody"
  return Result.succeed({
    host,
    baseUrl: Option.getOrElse(wanted.baseUrl, () => localUrl(wanted)),
    mode: chosen === "none" ? { _tag: "None" } : { _tag: "SignIn", provider: { _tag: "Demo" } },
    keys: keys.success,
    warnings: [
      isOpen
        ? `${head}, and reachable on ${host}: anyone who reaches this proxy can use every tool (MCP_ALLOW_INSECURE)`
        : `${head}: every program on this machine can use every tool (MCP_AUTH_PROVIDER=${chosen})`,
      ...unused(chosen, wanted),
      ...keys.success.warnings
    ]
  })
}

const withProvider = (
  chosen: ProviderSettings.ProviderName,
  values: Values<typeof settings>,
  wanted: Wanted
): Result.Result<Exposure, ReadonlyArray<string>> => {
  const provider = ProviderSettings.provider(chosen, wanted.providers)
  const keys = KeySource.choose(
    wanted.keys,
    Option.flatMap(Result.getSuccess(provider), (found) => ProviderSettings.clientSecret(chosen, found))
  )
  const problems = [
    ...missing(chosen, Result.isFailure(provider) ? provider.failure : [], wanted),
    ...insecureUrl("MCP_BASE_URL", wanted.baseUrl, wanted),
    ...(chosen === "oidc" ? insecureUrl("OIDC_ISSUER", wanted.providers.oidcIssuer, wanted) : []),
    ...samePath(wanted),
    ...lifetimes(values),
    ...(Result.isFailure(keys) ? [keys.failure] : [])
  ]
  if (problems.length > 0 || Result.isFailure(keys) || Result.isFailure(provider) || Option.isNone(wanted.baseUrl)) {
    return Result.fail(problems)
  }
  const baseUrl = wanted.baseUrl.value
  const isLocal = wanted.isLoopback(new URL(baseUrl).hostname)
  return Result.succeed({
    host: hostOf(wanted, "0.0.0.0"),
    baseUrl,
    mode: { _tag: "SignIn", provider: provider.success },
    keys: keys.success,
    warnings: [
      ...(Option.isNone(wanted.keys.key) && !isLocal
        ? [
            "GOOGLE_JWT_KEY is not set, so all keys are made from the provider's client secret: when that changes, everybody has to sign in again. Make one with: openssl rand -hex 32"
          ]
        : []),
      ...unused(chosen, wanted),
      ...keys.success.warnings
    ]
  })
}

/** How to run; or every reason why not, each naming its variables. */
export const decide = (
  values: Values<typeof settings>,
  wanted: Wanted
): Result.Result<Exposure, ReadonlyArray<string>> => {
  const chosen = values.disabled ? "none" : Option.getOrElse(values.provider, () => "google" as const)
  return chosen === "none" || chosen === "demo"
    ? withoutProof(chosen, values, wanted)
    : withProvider(chosen, values, wanted)
}
