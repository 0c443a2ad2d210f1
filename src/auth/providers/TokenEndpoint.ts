/** A provider's token endpoint (RFC 6749, §4.1.3 and §6): a grant in, tokens out. */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { logger } from "../../observability/Logging.ts"
import { ProviderUnavailable, SignInRefused } from "../IdentityProvider.ts"
import type { Endpoints } from "./Endpoints.ts"
import type { Call } from "./ProviderCalls.ts"

const log = logger("auth")

/** The provider no longer honours the code or refresh token. */
export class GrantRefused extends Schema.TaggedError<GrantRefused>()("GrantRefused", {
  /** For the log. */
  detail: Schema.String
}) {}

export interface Tokens {
  readonly id: Option.Option<string>
  readonly access: Option.Option<Redacted.Redacted<string>>
  readonly refresh: Option.Option<Redacted.Redacted<string>>
}

const Granted = Schema.decodeUnknownOption(
  Schema.Struct({
    id_token: Schema.optionalKey(Schema.String),
    access_token: Schema.optionalKey(Schema.String),
    refresh_token: Schema.optionalKey(Schema.String)
  })
)

const Denied = Schema.decodeUnknownOption(
  Schema.Struct({ error: Schema.String, error_description: Schema.optionalKey(Schema.String) })
)

/** Answers about the person's account. Every other refusal is about us, and says nothing of the account. */
const REFUSALS: ReadonlySet<string> = new Set(["invalid_grant", "admin_policy_enforced"])

export interface Client {
  readonly provider: string
  readonly endpoints: Effect.Effect<Endpoints, ProviderUnavailable>
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted<string>
}

/** RFC 6749, §2.3.1: id and secret are form-encoded before they are put together. */
const formEncoded = (text: string): string => new URLSearchParams({ "": text }).toString().slice(1)

const request = (client: Client, { authentication, token }: Endpoints, grant: Readonly<Record<string, string>>) => {
  const secret = Redacted.value(client.clientSecret)
  return authentication === "post"
    ? HttpClientRequest.post(token).pipe(
        HttpClientRequest.bodyUrlParams({ ...grant, client_id: client.clientId, client_secret: secret })
      )
    : HttpClientRequest.post(token).pipe(
        HttpClientRequest.basicAuth(formEncoded(client.clientId), formEncoded(secret)),
        HttpClientRequest.bodyUrlParams(grant)
      )
}

const some = (text: string | undefined) => Option.fromUndefinedOr(text === "" ? undefined : text)

const secretly = (text: string | undefined) => Option.map(some(text), (value) => Redacted.make(value))

/** Exchanges grants in the name of the client. */
export const make = (client: Client, call: Call) =>
  Effect.fnUntraced(function* (what: string, grant: Readonly<Record<string, string>>) {
    const { provider } = client
    const { body, status } = yield* call(what, request(client, yield* client.endpoints, grant))
    if (status === 200) {
      const granted = Option.flatMap(body, Granted)
      if (Option.isNone(granted)) {
        return yield* new ProviderUnavailable({ provider, reason: "its answer cannot be read" })
      }
      const { access_token, id_token, refresh_token } = granted.value
      return { id: some(id_token), access: secretly(access_token), refresh: secretly(refresh_token) } satisfies Tokens
    }
    const denied = Option.flatMap(body, Denied)
    const error = Option.match(denied, { onNone: () => "", onSome: ({ error }) => error.slice(0, 100) })
    const described = Option.flatMap(denied, ({ error_description }) => some(error_description?.slice(0, 200)))
    const detail = `${what}: HTTP ${status} ${JSON.stringify(error)}, ${JSON.stringify(Option.getOrElse(described, () => ""))}`
    if (REFUSALS.has(error)) return yield* new GrantRefused({ detail })
    yield* log.error(`${provider} does not take our request (${detail}). Are client id and secret right?`)
    return yield* new ProviderUnavailable({ provider, reason: "it does not accept this server's request" })
  })

/** A code that is not honoured has been used before, or was left lying for too long. */
export const stale = (provider: string, { detail }: GrantRefused): SignInRefused =>
  new SignInRefused({ reason: `This sign-in with ${provider} has expired or was used before. Start again.`, detail })
