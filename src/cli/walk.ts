/** The whole of sign-in as a client and a person go through it, one line each: from discovery to revocation. */
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import { createHash, randomBytes } from "node:crypto"
import { DECISION } from "../auth/pages/ConsentPage.ts"
import { NAME_FIELD } from "../auth/pages/DemoLoginPage.ts"
import type { AllSettings } from "./AllSettings.ts"
import * as RemoteClient from "./RemoteClient.ts"
import * as Terminal from "./Terminal.ts"
import * as Visitor from "./Visitor.ts"

/** Where the walk's client has itself sent the code. Nobody need listen there: it is the visitor that looks. */
const CALLBACK = "http://127.0.0.1/callback"

/** Who signs in, where a name is asked for. */
export const PERSON = "Demo Person"

const Resource = Schema.Struct({ resource: Schema.String, authorization_servers: Schema.Array(Schema.String) })
const Server = Schema.Struct({
  issuer: Schema.String,
  authorization_endpoint: Schema.String,
  token_endpoint: Schema.String,
  registration_endpoint: Schema.String,
  revocation_endpoint: Schema.String
})
const Registration = Schema.Struct({ client_id: Schema.String })
const Tokens = Schema.Struct({
  access_token: Schema.String,
  refresh_token: Schema.String,
  expires_in: Schema.Finite
})
type Tokens = typeof Tokens.Type

/** The endpoints as a client finds them, beginning with nothing but the URL of the MCP endpoint. */
export interface Found {
  readonly resource: string
  readonly server: typeof Server.Type
}

const make = Effect.gen(function* () {
  const client = yield* HttpClient.HttpClient
  const astray = (reason: string) => new Visitor.Astray({ reason })

  const send = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.gen(function* () {
      const response = yield* client.execute(request)
      return { response, text: yield* response.text }
    }).pipe(Effect.mapError(({ message }) => astray(`${request.url}: ${message}`)))

  const fetchJson = <S extends Schema.ConstraintDecoder<unknown>>(
    schema: S,
    request: HttpClientRequest.HttpClientRequest
  ) =>
    Effect.gen(function* () {
      const { response, text } = yield* send(request)
      if (response.status >= 300) return yield* astray(`${request.url}: HTTP ${response.status} ${text.slice(0, 300)}`)
      const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(schema))
      return yield* Effect.mapError(decode(text), ({ message }) => astray(`${request.url}: ${message}`))
    })

  const form = (url: string, fields: Readonly<Record<string, string>>) =>
    HttpClientRequest.post(url).pipe(HttpClientRequest.bodyUrlParams(fields))

  const discover = Effect.fnUntraced(function* (endpoint: string) {
    const { response } = yield* send(HttpClientRequest.post(endpoint))
    const challenge = response.headers["www-authenticate"] ?? ""
    const place = /resource_metadata="([^"]+)"/u.exec(challenge)?.[1]
    if (response.status !== 401 || place === undefined) {
      return yield* astray(`${endpoint}: HTTP ${response.status}, where a challenge was to come`)
    }
    const { authorization_servers, resource } = yield* fetchJson(Resource, HttpClientRequest.get(place))
    const issuer = new URL(authorization_servers[0] ?? "")
    const path = issuer.pathname === "/" ? "" : issuer.pathname
    const metadata = `${issuer.origin}/.well-known/oauth-authorization-server${path}`
    return { resource, server: yield* fetchJson(Server, HttpClientRequest.get(metadata)) } satisfies Found
  })

  const register = ({ server }: Found) =>
    fetchJson(
      Registration,
      HttpClientRequest.post(server.registration_endpoint).pipe(
        HttpClientRequest.bodyJsonUnsafe({
          client_name: "Demo walk",
          redirect_uris: [CALLBACK],
          token_endpoint_auth_method: "none"
        })
      )
    )

  /** Through consent and login to the code. `say` is told of each page. */
  const signIn = Effect.fnUntraced(function* (
    { resource, server }: Found,
    clientId: string,
    say: (what: string) => Effect.Effect<void>
  ) {
    const verifier = randomBytes(32).toString("base64url")
    const state = randomBytes(12).toString("base64url")
    const visitor = yield* Visitor.make((url) => url.href.startsWith(`${CALLBACK}?`))
    const start = new URL(server.authorization_endpoint)
    start.search = new URLSearchParams({
      client_id: clientId,
      response_type: "code",
      redirect_uri: CALLBACK,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
      resource,
      state
    }).toString()
    let at = yield* visitor.go(start)
    if (at._tag !== "Page") return yield* astray(`no consent was asked for: ${at.url.href}`)
    at = yield* visitor.submit(at, { [DECISION.field]: DECISION.allow })
    yield* say("consent: allowed")
    if (at._tag === "Page") at = yield* visitor.submit(at, { [NAME_FIELD]: PERSON })
    if (at._tag === "Page") return yield* astray(`HTTP ${at.status} at ${at.url.href}, where a code was to come`)
    const said = at.url.searchParams
    if (said.get("state") !== state || said.get("iss") !== server.issuer) {
      return yield* astray(`the answer is not the one to the request: ${at.url.href}`)
    }
    const code = said.get("code")
    if (code === null) return yield* astray(`${said.get("error") ?? "no code"}: ${said.get("error_description") ?? ""}`)
    yield* say("login: a code, for this request and from this issuer")
    return yield* fetchJson(
      Tokens,
      form(server.token_endpoint, {
        grant_type: "authorization_code",
        client_id: clientId,
        code,
        code_verifier: verifier,
        redirect_uri: CALLBACK,
        resource
      })
    )
  })

  const refresh = ({ server }: Found, clientId: string, { refresh_token }: Tokens) =>
    fetchJson(Tokens, form(server.token_endpoint, { grant_type: "refresh_token", client_id: clientId, refresh_token }))

  const revoke = Effect.fnUntraced(function* ({ server }: Found, clientId: string, endpoint: string, tokens: Tokens) {
    yield* send(form(server.revocation_endpoint, { client_id: clientId, token: tokens.refresh_token }))
    const { response } = yield* send(
      HttpClientRequest.post(endpoint).pipe(
        HttpClientRequest.setHeader("authorization", `Bearer ${tokens.access_token}`)
      )
    )
    if (response.status !== 401)
      return yield* astray(`the access token still opens ${endpoint}: HTTP ${response.status}`)
  })

  return { discover, register, signIn, refresh, revoke }
}).pipe(Effect.provide(FetchHttpClient.layer))

const say = (what: string): Effect.Effect<void> => Effect.sync(() => Terminal.stdout.write(`  ✓ ${what}`))

/** An access token for the demo's person: what its introduction prints. */
export const accessToken = Effect.fnUntraced(function* (endpoint: string) {
  const walk = yield* make
  const found = yield* walk.discover(endpoint)
  const { client_id } = yield* walk.register(found)
  return yield* walk.signIn(found, client_id, () => Effect.void)
}, Effect.provide(FetchHttpClient.layer))

/** All of it. Fails at the first step that does not do what it should. */
export const all = Effect.fnUntraced(function* (settings: AllSettings, endpoint: string) {
  const walk = yield* make
  const found = yield* walk.discover(endpoint)
  yield* say(`discovery: ${found.resource} is guarded by ${found.server.issuer}`)
  const { client_id: clientId } = yield* walk.register(found)
  yield* say(`registration: client ${clientId}`)
  const tokens = yield* walk.signIn(found, clientId, say)
  yield* say(`token: an access token for ${tokens.expires_in} s, and a refresh token`)
  const tool = yield* RemoteClient.use(
    settings,
    endpoint,
    Option.some(Redacted.make(tokens.access_token)),
    Effect.fnUntraced(function* (client) {
      const { tools } = yield* client.request("tools/list", {})
      const names = Array.isArray(tools) ? tools.map(({ name }: { readonly name: string }) => name) : []
      yield* say(`tools/list: ${names.length} tools`)
      const name = names.find((one) => one.endsWith("echo"))
      if (name === undefined) return yield* new Visitor.Astray({ reason: "there is no echo among the tools" })
      const result = yield* client.request("tools/call", { name, arguments: { message: "hello" } })
      return `${name}: ${JSON.stringify(result["content"])}`
    })
  )
  yield* say(`call ${tool}`)
  const renewed = yield* walk.refresh(found, clientId, tokens)
  yield* say("refresh: another access token, and another refresh token")
  yield* walk.revoke(found, clientId, endpoint, renewed)
  yield* say("revoke: neither opens anything any more")
}, Effect.provide(FetchHttpClient.layer))
