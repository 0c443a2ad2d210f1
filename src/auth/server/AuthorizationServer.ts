/** The OAuth 2.1 authorization server: what it promises to clients, without the pages that people see. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import inject from "light-my-request"
import type { IncomingHttpHeaders } from "node:http"
import type { Provider as OidcProvider } from "oidc-provider"
import * as ClientMetadata from "../ClientMetadata.ts"
import { canonicalResource, type PublicUrl } from "../PublicUrl.ts"
import * as RedirectUri from "../RedirectUri.ts"
import * as Scopes from "../Scopes.ts"
import type { Connections } from "./Connections.ts"
import { ROUTES } from "./Provider.ts"
import * as Result from "effect/Result"

/** The server could not do its work: its storage failed, or it has a fault. The log says more. */
export class AuthorizationServerError extends Schema.TaggedError<AuthorizationServerError>()(
  "AuthorizationServerError",
  { operation: Schema.String, cause: Schema.Defect() }
) {
  override get message(): string {
    const reason = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `The authorization server failed at ${this.operation}: ${reason}`
  }
}

/** An authorization request that waits for a person. It may be kept anywhere that is private. */
export const Transaction = Schema.Struct({
  uid: Schema.String,
  cookies: Schema.String,
  clientId: Schema.String,
  redirectUri: Schema.String,
  resource: Schema.String
})
export type Transaction = typeof Transaction.Type

/** What becomes of an authorization request. */
export type Authorization =
  | { readonly _tag: "Ask"; readonly transaction: Transaction }
  /** The client is told what is wrong with its request. */
  | { readonly _tag: "Redirect"; readonly url: string; readonly error: string }
  /** Nobody can be told but the person: the client, or where to send them, is not known. */
  | { readonly _tag: "Refused"; readonly error: string; readonly description: string }

/** What a client says of itself. */
export interface ClientInfo {
  readonly id: string
  readonly name: string | undefined
  /** The host of the document that the client is known by; undefined for one that registered itself. */
  readonly vouchedBy: string | undefined
}

/** An answer of the token, registration or revocation endpoint. */
export interface EndpointAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface EndpointRequest {
  readonly authorization: string | undefined
  readonly body: string
}

export class AuthorizationServer extends Context.Service<
  AuthorizationServer,
  {
    /** Checks an authorization request (OAuth 2.1 draft §4.1.1, RFC 8707, RFC 9207). */
    readonly authorize: (query: URLSearchParams) => Effect.Effect<Authorization, AuthorizationServerError>
    readonly client: (id: string) => Effect.Effect<ClientInfo | undefined, AuthorizationServerError>
    /** The person agrees: where the browser goes, with a code. Undefined where the request has expired meanwhile. */
    readonly allow: (
      transaction: Transaction,
      subject: string
    ) => Effect.Effect<string | undefined, AuthorizationServerError>
    /** The person does not: where the browser goes, with the error. */
    readonly deny: (
      transaction: Transaction,
      reason: string
    ) => Effect.Effect<string | undefined, AuthorizationServerError>
    readonly token: (request: EndpointRequest) => Effect.Effect<EndpointAnswer, AuthorizationServerError>
    readonly revoke: (request: EndpointRequest) => Effect.Effect<EndpointAnswer, AuthorizationServerError>
    /** Registers a client (RFC 7591). */
    readonly register: (body: unknown) => Effect.Effect<EndpointAnswer, AuthorizationServerError>
  }
>()("mcp-proxy/auth/server/AuthorizationServer") {}

/** Parameters of the authorization request that have a meaning here; all others are none of ours. */
const PARAMETERS = ["client_id", "response_type", "redirect_uri", "state", "code_challenge", "code_challenge_method"]

/** Longer than any that means something: requests are kept while they wait, and anybody may make them. */
const MAX_PARAMETER = 8192

/** What a request is for, as we spell it. Several together are none of ours: a token is for one (RFC 8707 leaves that to us). */
const resourceOf = (url: PublicUrl, asked: ReadonlyArray<string>): ReadonlyArray<string> => {
  const named = [...new Set(asked.map((resource) => canonicalResource(url, resource) ?? resource))]
  return named.length < 2 ? named : [named.join(" ")]
}

const requestQuery = (url: PublicUrl, query: URLSearchParams): URLSearchParams => {
  const understood = new URLSearchParams()
  for (const name of PARAMETERS) for (const value of query.getAll(name)) understood.append(name, value)
  for (const resource of resourceOf(url, query.getAll("resource"))) understood.append("resource", resource)
  understood.set("scope", Scopes.UNDERSTOOD)
  // Which is what every request is: the server must not leave out the refresh token for want of it.
  understood.set("prompt", "consent")
  return understood
}

/** A token request with what it says of scope and resource in our words. */
const requestBody = (url: PublicUrl, body: string): string => {
  const form = new URLSearchParams(body)
  const resources = form.getAll("resource")
  form.delete("scope")
  form.delete("resource")
  for (const resource of resourceOf(url, resources)) form.append("resource", resource)
  return form.toString()
}

const cookiesOf = (setCookie: ReadonlyArray<string> | string | undefined): string =>
  [setCookie ?? []]
    .flat()
    .map((cookie) => cookie.split(";")[0] ?? "")
    .join("; ")

const hostOf = (id: string): string | undefined =>
  /^https:\/\//iu.test(id) && URL.canParse(id) ? new URL(id).host : undefined

/** What is said of a registration: what we keep of it, and not what the library adds for protocols that we do not speak. */
const ECHOED = new Set([
  "client_id",
  "client_id_issued_at",
  "client_secret",
  "client_secret_expires_at",
  ...ClientMetadata.FIELDS
])

const echo = (answer: EndpointAnswer): EndpointAnswer => {
  if (answer.status !== 201) return answer
  const said = Object.entries(JSON.parse(answer.body) as Record<string, unknown>).filter(([name]) => ECHOED.has(name))
  return { ...answer, body: JSON.stringify(Object.fromEntries(said)) }
}

const PASSED_ON = new Set(["content-type", "cache-control", "pragma", "www-authenticate"])

/** Serves clients by a set-up `oidc-provider`. It is called in the process: no browser ever sees its cookies. */
export const make = (
  provider: OidcProvider,
  url: PublicUrl,
  connections: Connections["Service"]
): AuthorizationServer["Service"] => {
  const dispatch = provider.callback()
  const { host, protocol } = new URL(url.issuer)

  const call = (
    operation: string,
    request: {
      readonly method: "GET" | "POST"
      readonly url: string
      readonly headers?: IncomingHttpHeaders
      readonly payload?: string
    }
  ): Effect.Effect<inject.Response, AuthorizationServerError> =>
    attempt(operation, () =>
      inject((incoming, outgoing) => void dispatch(incoming, outgoing), {
        ...request,
        headers: { ...request.headers, host, "x-forwarded-proto": protocol.slice(0, -1), accept: "application/json" }
      })
    )

  const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, AuthorizationServerError> =>
    Effect.tryPromise({ try: run, catch: (cause) => new AuthorizationServerError({ operation, cause }) })

  const endpoint = (answer: inject.Response): EndpointAnswer => ({
    status: answer.statusCode,
    headers: Object.fromEntries(
      Object.entries(answer.headers).flatMap(([name, value]) =>
        PASSED_ON.has(name) && value !== undefined ? [[name, String(value)]] : []
      )
    ),
    body: answer.payload
  })

  const post = (operation: string, path: string, { authorization, body }: EndpointRequest) =>
    call(operation, {
      method: "POST",
      url: path,
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        ...(authorization === undefined ? {} : { authorization })
      },
      payload: body
    })

  const finish = (operation: string, { cookies, uid }: Transaction, result: Record<string, unknown>) =>
    Effect.gen(function* () {
      const interaction = yield* attempt(operation, () => provider.Interaction.find(uid))
      if (interaction === undefined) return undefined
      interaction.result = result
      yield* attempt(operation, () => interaction.persist())
      const answer = yield* call(operation, {
        method: "GET",
        url: `${ROUTES.authorization}/${uid}`,
        headers: { cookie: cookies }
      })
      const { location } = answer.headers
      if (answer.statusCode === 303 && typeof location === "string") return location
      const cause = new Error(`HTTP ${answer.statusCode} ${answer.payload}`)
      return yield* new AuthorizationServerError({ operation, cause })
    })

  return AuthorizationServer.of({
    authorize: Effect.fnUntraced(function* (query) {
      const redirectUri = query.get("redirect_uri")
      if (redirectUri !== null) {
        const kind = RedirectUri.inspect(redirectUri)
        if (Result.isFailure(kind)) {
          const description = `redirect_uri: ${kind.failure}`
          return { _tag: "Refused", error: "invalid_redirect_uri", description } as const
        }
      }
      if (PARAMETERS.some((name) => query.getAll(name).some((value) => value.length > MAX_PARAMETER))) {
        const description = `a parameter is longer than ${MAX_PARAMETER} characters`
        return { _tag: "Refused", error: "invalid_request", description } as const
      }
      const answer = yield* call("authorization", {
        method: "GET",
        url: `${ROUTES.authorization}?${requestQuery(url, query)}`
      })
      const { location } = answer.headers
      if (answer.statusCode !== 303 || typeof location !== "string") {
        const refusal = JSON.parse(answer.payload) as { readonly error?: string; readonly error_description?: string }
        if (answer.statusCode >= 500) {
          return yield* new AuthorizationServerError({ operation: "authorization", cause: new Error(answer.payload) })
        }
        return {
          _tag: "Refused",
          error: refusal.error ?? "invalid_request",
          description: refusal.error_description ?? ""
        } as const
      }
      const uid = /^\/interaction\/([\w-]+)$/u.exec(location)?.[1]
      if (uid === undefined) {
        return { _tag: "Redirect", url: location, error: new URL(location).searchParams.get("error") ?? "" } as const
      }
      const interaction = yield* attempt("authorization", () => provider.Interaction.find(uid))
      const { client_id, redirect_uri, resource } = interaction?.params ?? {}
      return {
        _tag: "Ask",
        transaction: {
          uid,
          cookies: cookiesOf(answer.headers["set-cookie"]),
          clientId: String(client_id),
          redirectUri: String(redirect_uri),
          resource: String(resource)
        }
      } as const
    }),
    client: (id) =>
      Effect.map(
        attempt("client", () => provider.Client.find(id)),
        (client) =>
          client === undefined ? undefined : { id, name: client.clientName, vouchedBy: hostOf(client.clientId) }
      ),
    allow: Effect.fnUntraced(function* (transaction, subject) {
      const { clientId, redirectUri, resource } = transaction
      const grantId = yield* attempt("consent", () => {
        const grant = new provider.Grant({ accountId: subject, clientId })
        grant.addOIDCScope(Scopes.OFFLINE)
        grant.addResourceScope(resource, Scopes.UNDERSTOOD)
        return grant.save()
      })
      const since = yield* Clock.currentTimeMillis
      yield* connections
        .begin({ grantId, subject, clientId, redirectUri, resource, since })
        .pipe(Effect.mapError((cause) => new AuthorizationServerError({ operation: "consent", cause })))
      return yield* finish("consent", transaction, {
        login: { accountId: subject, remember: false },
        consent: { grantId }
      })
    }),
    deny: (transaction, reason) => finish("denial", transaction, { error: "access_denied", error_description: reason }),
    token: (request) =>
      Effect.map(post("token", ROUTES.token, { ...request, body: requestBody(url, request.body) }), endpoint),
    revoke: (request) => Effect.map(post("revocation", ROUTES.revocation, request), endpoint),
    register: Effect.fnUntraced(function* (body) {
      const taken = ClientMetadata.take(body)
      if (Result.isFailure(taken)) {
        const { description, error } = taken.failure
        return {
          status: 400,
          headers: { "content-type": "application/json", "cache-control": "no-store" },
          body: JSON.stringify({ error, error_description: description })
        }
      }
      const answer = yield* call("registration", {
        method: "POST",
        url: ROUTES.registration,
        headers: { "content-type": "application/json" },
        payload: JSON.stringify(taken.success)
      })
      return echo(endpoint(answer))
    })
  })
}
