/** What a client says of itself when it registers, or in its metadata document, as we take it. Pure. */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as RedirectUri from "./RedirectUri.ts"
import * as Scopes from "./Scopes.ts"

/** Why a registration is refused (RFC 7591 §3.2.2). */
export interface Refusal {
  readonly error: "invalid_client_metadata" | "invalid_redirect_uri"
  readonly description: string
}

export type AuthMethod = "none" | "client_secret_post" | "client_secret_basic"

export interface ClientMetadata {
  readonly redirect_uris: ReadonlyArray<string>
  readonly token_endpoint_auth_method: AuthMethod
  readonly grant_types: ReadonlyArray<string>
  readonly response_types: ReadonlyArray<string>
  readonly scope: string
  readonly application_type: "native" | "web"
  readonly client_name?: string
  readonly client_uri?: string
  readonly logo_uri?: string
  readonly tos_uri?: string
  readonly policy_uri?: string
  readonly contacts?: ReadonlyArray<string>
  readonly software_id?: string
  readonly software_version?: string
}

/** Everything of a registration that is kept, and told. */
export const FIELDS: ReadonlyArray<keyof ClientMetadata> = [
  "redirect_uris",
  "token_endpoint_auth_method",
  "grant_types",
  "response_types",
  "scope",
  "application_type",
  "client_name",
  "client_uri",
  "logo_uri",
  "tos_uri",
  "policy_uri",
  "contacts",
  "software_id",
  "software_version"
]

const MAX_REDIRECTS = 20
/** All of them together: anybody may have them kept. */
const MAX_REDIRECT_TEXT = 8192
const MAX_TEXT = 200

const AUTH_METHODS: ReadonlyArray<AuthMethod> = ["none", "client_secret_post", "client_secret_basic"]

const strings = (value: unknown): ReadonlyArray<string> | undefined =>
  Array.isArray(value) && value.every(Predicate.isString) ? value : undefined

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" ? value.trim().slice(0, MAX_TEXT) : undefined

const webUrl = (value: unknown): string | undefined =>
  typeof value === "string" && value.length <= 2048 && /^https:\/\//iu.test(value) && URL.canParse(value)
    ? value
    : undefined

/** Looks like an address, and is short; nothing is ever sent there. */
const contacts = (value: unknown): ReadonlyArray<string> | undefined => {
  const found = (strings(value) ?? []).filter((item) => /^[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)+$/u.test(item))
  return found.length === 0 ? undefined : found.slice(0, 5)
}

const refuse = (error: Refusal["error"], description: string): Result.Result<never, Refusal> =>
  Result.fail({ error, description })

const redirects = (value: unknown): Result.Result<ReadonlyArray<string>, Refusal> => {
  const uris = strings(value)
  if (uris === undefined || uris.length === 0) {
    return refuse("invalid_client_metadata", "redirect_uris must be an array with at least one URI")
  }
  if (uris.length > MAX_REDIRECTS) {
    return refuse("invalid_client_metadata", `redirect_uris must hold no more than ${MAX_REDIRECTS} URIs`)
  }
  if (uris.join("").length > MAX_REDIRECT_TEXT) {
    return refuse("invalid_client_metadata", `redirect_uris must hold no more than ${MAX_REDIRECT_TEXT} characters`)
  }
  const problems = uris.flatMap((uri, index) => {
    const kind = RedirectUri.inspect(uri)
    return Result.isFailure(kind) ? [`redirect_uris[${index}]: ${kind.failure}`] : []
  })
  return problems.length === 0
    ? Result.succeed([...new Set(uris)])
    : refuse("invalid_redirect_uri", problems.join("; "))
}

/** The way in which the client proves itself: as asked for, else none. */
const authMethod = (document: Readonly<Record<string, unknown>>): AuthMethod | undefined => {
  const asked = document["token_endpoint_auth_method"]
  if (asked === undefined || asked === null) return "none"
  const known = AUTH_METHODS.find((method) => method === asked)
  if (known !== undefined) return known
  // A document may name a method for servers that know it, and say that it makes do without (ChatGPT's does).
  const alternatives = strings(document["token_endpoint_auth_methods_supported"])
  return alternatives?.includes("none") === true ? "none" : undefined
}

const isNative = (uri: string): boolean => {
  const kind = RedirectUri.inspect(uri)
  return Result.isSuccess(kind) && (kind.success._tag === "PrivateUse" || /^http:/iu.test(uri))
}

/**
 * Takes what we use and leaves the rest. Sets of web, loopback and private-use URIs are taken together, whatever
 * `application_type` says: Cursor registers all three at once, others say nothing.
 */
export const take = (body: unknown): Result.Result<ClientMetadata, Refusal> => {
  if (!Predicate.isReadonlyObject(body)) return refuse("invalid_client_metadata", "the body must be a JSON object")
  const document: Readonly<Record<string, unknown>> = body as Readonly<Record<string, unknown>>
  const uris = redirects(document["redirect_uris"])
  if (Result.isFailure(uris)) return Result.fail(uris.failure)
  const method = authMethod(document)
  if (method === undefined) {
    const expected = `token_endpoint_auth_method must be one of ${AUTH_METHODS.join(", ")}`
    return refuse("invalid_client_metadata", expected)
  }
  const grants = document["grant_types"] === undefined ? undefined : strings(document["grant_types"])
  if (document["grant_types"] !== undefined && grants?.includes("authorization_code") !== true) {
    return refuse("invalid_client_metadata", "grant_types must be an array that holds authorization_code")
  }
  const responses = document["response_types"] === undefined ? ["code"] : strings(document["response_types"])
  if (responses?.includes("code") !== true) {
    return refuse("invalid_client_metadata", "response_types must be an array that holds code")
  }
  const optional = {
    client_name: text(document["client_name"]),
    client_uri: webUrl(document["client_uri"]),
    logo_uri: webUrl(document["logo_uri"]),
    tos_uri: webUrl(document["tos_uri"]),
    policy_uri: webUrl(document["policy_uri"]),
    contacts: contacts(document["contacts"]),
    software_id: text(document["software_id"]),
    software_version: text(document["software_version"])
  }
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined))
  return Result.succeed({
    redirect_uris: uris.success,
    token_endpoint_auth_method: method,
    grant_types:
      grants?.includes("refresh_token") === false ? ["authorization_code"] : ["authorization_code", "refresh_token"],
    response_types: ["code"],
    scope: Scopes.UNDERSTOOD,
    application_type: uris.success.some(isNative) ? "native" : "web",
    ...given
  })
}
