/** A real proxy that signs people in at a stand-in for Google; and the people, their browsers and their programs. */
// oxlint-disable typescript/no-explicit-any -- what an endpoint says is compared, not used
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DECISION } from "../../src/auth/pages/ConsentPage.ts"
import * as Visitor from "../../src/cli/Visitor.ts"
import { googleProxy } from "../support/bundled.ts"
import type { Answer as Said } from "../support/oauth.ts"
import { type Account, type Google, startGoogle } from "../support/google.ts"
import { variables } from "../support/standIns.ts"
import { fixture, freePort, type ProxyOptions, type RunningProxy, startProxy } from "./harness.ts"

export const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }

export interface Deployment {
  readonly google: Google
  /** The issuer: the base URL, with the path prefix. */
  readonly issuer: string
  /** The merged endpoint, as clients know it. */
  readonly url: string
  readonly folder: string
  readonly port: number
  /** The proxy of the moment. */
  readonly proxy: () => RunningProxy
  /** Ends the proxy so, and does meanwhile what is to be done, and starts another in the same place. */
  readonly restart: (signal?: NodeJS.Signals, meanwhile?: Effect.Effect<void>) => Effect.Effect<void>
}

export interface DeploymentOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly servers?: Record<string, Record<string, unknown>>
  /** Who is signed in at Google at first. */
  readonly account?: Account
  /** They agreed at Google long ago: a first visit brings no refresh token. */
  readonly agreedBefore?: boolean
  /** The base URL, where it is not this machine's name and the port. */
  readonly baseUrl?: string
  readonly pathPrefix?: string
  /** Done in the folder before the first start. */
  readonly prepare?: (folder: string) => void
}

/** Starts both, and waits until the proxy's servers have been tried. */
export const deploy = (options: DeploymentOptions = {}): Effect.Effect<Deployment, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const base = options.baseUrl ?? `http://localhost:${port}`
    const issuer = `${base}${options.pathPrefix ?? ""}`
    const google = yield* startGoogle({
      redirectUris: [`${issuer}/auth/callback`],
      agreedBefore: options.agreedBefore ?? false,
      ...(options.account === undefined ? {} : { account: options.account })
    })
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-sign-in-test-"))),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
    )
    options.prepare?.(folder)
    const outer = yield* Effect.scope
    const proxyOptions: ProxyOptions = {
      entry: googleProxy,
      folder,
      port,
      config: { mcpServers: options.servers ?? { raw } },
      env: {
        MCP_AUTH_PROVIDER: "google",
        MCP_HOST: "127.0.0.1",
        MCP_BASE_URL: base,
        MCP_PATH_PREFIX: options.pathPrefix ?? "",
        GOOGLE_CLIENT_ID: google.clientId,
        GOOGLE_CLIENT_SECRET: Redacted.value(google.clientSecret),
        ...variables(google.endpoints),
        ...options.env
      }
    }
    const start = Effect.gen(function* () {
      const scope = yield* Scope.fork(outer)
      const proxy = yield* Scope.provide(startProxy(proxyOptions), scope)
      yield* proxy.printed(/\d+ of \d+ servers are ready/u)
      return { scope, proxy }
    })
    let running = yield* start
    return {
      google,
      issuer,
      url: `${issuer}/mcp`,
      folder,
      port,
      proxy: () => running.proxy,
      restart: Effect.fnUntraced(function* (signal = "SIGTERM", meanwhile = Effect.void) {
        yield* running.proxy.signal(signal)
        yield* running.proxy.exited
        yield* Scope.close(running.scope, Exit.void)
        yield* meanwhile
        running = yield* start
      })
    }
  })

/** Where the code is sent to of a program on the person's own machine. Nobody listens there. */
export const LOOPBACK = "http://127.0.0.1:41999/callback"

/** Where the code of a site is sent to. Nobody has that name. */
export const SITE = "https://client.test/callback"

type Page = Extract<Visitor.Arrival, { _tag: "Page" }>

/** A browser of a person who comes by themselves. It goes to no other host than the proxy's and Google's. */
export const browser = (deployment: Deployment) =>
  Effect.gen(function* () {
    const hosts = new Set([new URL(deployment.issuer).host, new URL(deployment.google.issuer).host])
    const visitor = yield* Visitor.make((url) => !hosts.has(url.host))
    const go = (url: string | URL) => Effect.orDie(visitor.go(new URL(url)))
    const submit = (page: Page, more: Readonly<Record<string, string>>) => Effect.orDie(visitor.submit(page, more))
    return {
      go,
      submit,
      /** Hosts to which it goes by itself; a test may hold it up on its way by taking one out. */
      hosts,
      /** From a program's request through the page, if there is one, to the program again. */
      allow: Effect.fnUntraced(function* (url: string | URL) {
        const asked = yield* go(url)
        return asked._tag === "Away" ? asked.url : away(yield* submit(asked, { [DECISION.field]: DECISION.allow }))
      })
    }
  }).pipe(Effect.provide(FetchHttpClient.layer))

export type Browser = Effect.Success<ReturnType<typeof browser>>

/** Where the visit has ended, which is outside. */
export const away = (arrival: Visitor.Arrival): URL => {
  if (arrival._tag === "Away") return arrival.url
  throw new Error(`HTTP ${arrival.status} at ${arrival.url.href}: ${textOf(arrival)}`)
}

/** The page that the visit has come to. */
export const page = (arrival: Visitor.Arrival): Page => {
  if (arrival._tag === "Page") return arrival
  throw new Error(`it went to ${arrival.url.href}, where a page was to come`)
}

/** What a page says. */
export const textOf = ({ html }: Page): string =>
  html
    .replaceAll(/<style>[\s\S]*?<\/style>/gu, "")
    .replaceAll(/<[^>]*>/gu, " ")
    .replaceAll(/\s+/gu, " ")

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** What the body says; where it is no JSON, nothing. */
  readonly body: Said
}

export const ask = (url: string, init: RequestInit = {}): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    const text = await response.text()
    const isJson = (response.headers.get("content-type") ?? "").includes("json")
    return { status: response.status, headers: response.headers, text, body: JSON.parse(isJson ? text : "{}") as Said }
  })

export const post = (url: string, fields: Readonly<Record<string, string>>): Effect.Effect<Answer> =>
  ask(url, { method: "POST", body: new URLSearchParams(fields) })

/** A program that has registered, and asks by hand. */
export interface Program {
  readonly id: string
  readonly redirectUri: string
  readonly verifier: string
  readonly request: URL
}

export const register = (issuer: string, metadata: Readonly<Record<string, unknown>>) =>
  ask(`${issuer}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token_endpoint_auth_method: "none", client_name: "By hand", ...metadata })
  })

/** Another request of a program. */
export const request = (
  issuer: string,
  id: string,
  redirectUri: string,
  more: Readonly<Record<string, string>> = {}
): Program => {
  const verifier = randomBytes(32).toString("base64url")
  const request = new URL(`${issuer}/authorize`)
  request.search = new URLSearchParams({
    client_id: id,
    response_type: "code",
    redirect_uri: redirectUri,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    state: "state-of-the-program",
    ...more
  }).toString()
  return { id, redirectUri, verifier, request }
}

/** A program, registered, with its request. */
export const program = Effect.fnUntraced(function* (
  { issuer }: Pick<Deployment, "issuer">,
  redirectUri: string = LOOPBACK,
  more: Readonly<Record<string, string>> = {}
) {
  const { body } = yield* register(issuer, { redirect_uris: [redirectUri] })
  return request(issuer, String(body["client_id"]), redirectUri, more)
})

/** The tokens for the code in an answer. */
export const redeem = (
  { issuer }: Pick<Deployment, "issuer">,
  { id, redirectUri, verifier }: Program,
  answer: URL,
  more: Readonly<Record<string, string>> = {}
) =>
  post(`${issuer}/token`, {
    grant_type: "authorization_code",
    client_id: id,
    code: answer.searchParams.get("code") ?? "",
    code_verifier: verifier,
    redirect_uri: redirectUri,
    ...more
  })

export const refresh = ({ issuer }: Pick<Deployment, "issuer">, { id }: Pick<Program, "id">, token: string) =>
  post(`${issuer}/token`, { grant_type: "refresh_token", client_id: id, refresh_token: token })

/** What the endpoint says to a token. */
export const knock = (url: string, token: string): Effect.Effect<Answer> =>
  ask(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream"
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "by hand", version: "1" } }
    })
  })

/** Tokens of a person who signs in with a program of theirs. */
export const signedIn = Effect.fnUntraced(function* (
  deployment: Deployment,
  visitor: Browser,
  more: Readonly<Record<string, string>> = {}
) {
  const by = yield* program(deployment, LOOPBACK, more)
  const answer = yield* visitor.allow(by.request)
  const { body, status } = yield* redeem(deployment, by, answer)
  if (status !== 200) return yield* Effect.die(new Error(JSON.stringify(body)))
  return { program: by, access: String(body["access_token"]), refresh: String(body["refresh_token"]) }
})
