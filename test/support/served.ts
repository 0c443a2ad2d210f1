/** The whole proxy with the demo's sign-in on a socket of this process, and a browser that visits it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as IpNetwork from "effect/net/IpNetwork"
import { HttpServer } from "effect/http/HttpServer"
import { request } from "undici"
import * as AccessPolicy from "../../src/access/AccessPolicy.ts"
import * as Audit from "../../src/access/Audit.ts"
import type { IdentityProvider } from "../../src/auth/IdentityProvider.ts"
import * as MachineCredentials from "../../src/auth/MachineCredentials.ts"
import * as Demo from "../../src/auth/providers/Demo.ts"
import * as PublicUrl from "../../src/auth/PublicUrl.ts"
import * as SignInServices from "../../src/auth/SignInServices.ts"
import { formOf } from "../../src/cli/Visitor.ts"
import type { AccessRules } from "../../src/domain/AccessRules.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { Address } from "../../src/http/Address.ts"
import { Draining } from "../../src/http/Draining.ts"
import * as Listener from "../../src/http/Listener.ts"
import * as Routes from "../../src/http/Routes.ts"
import * as Server from "../../src/http/Server.ts"
import { RootKey } from "../../src/keys/RootKey.ts"
import * as Metrics from "../../src/observability/Metrics.ts"
import { layerMemory, type Store } from "../../src/storage/Store.ts"
import { memoryFleet, type MemoryServer } from "./memoryFleet.ts"
import { goodRequest } from "./oauth.ts"
export { goodRequest }

export const BASE = "https://mcp.example.com"

/** The secret of the one machine that may call, `key:robot`. */
export const MACHINE_KEY = "0123456789abcdef0123456789abcdef-robot"

export interface ServedOptions {
  readonly baseUrl?: string
  readonly pathPrefix?: string
  readonly provider?: Layer.Layer<IdentityProvider>
  /** What outlives the proxy; its own by default. */
  readonly surroundings?: Layer.Layer<Store | RootKey>
  readonly rules?: AccessRules
  /** What a scraper of /metrics may show. */
  readonly metricsToken?: string
  readonly stallTime?: Duration.Duration
  /** With one, every request goes by the router. */
  readonly trustedProxies?: ReadonlyArray<IpNetwork.IpNetwork>
  /** What is behind it. */
  readonly servers?: Readonly<Record<string, MemoryServer>>
  /** How much there may be of anything. */
  readonly bounds?: Layer.Layer<never>
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly setCookies: ReadonlyArray<string>
  readonly body: string
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

const EVERYONE: AccessRules = { file: undefined, emails: new Set(), domains: new Set() }

export const form = (fields: Readonly<Record<string, string>>): Asked => ({
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(fields).toString()
})

export const json = (value: unknown): Asked => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value)
})

const SERVERS: Readonly<Record<string, MemoryServer>> = {
  github: { offer: { tools: ["search"] } },
  files: { offer: { tools: ["read"] } }
}

/** A proxy before two servers, `github` and `files`, or others, until the scope closes. */
export const serve = Effect.fnUntraced(function* (options: ServedOptions = {}) {
  const { baseUrl = BASE, pathPrefix = "", provider = Demo.layer, rules = EVERYONE } = options
  const url = PublicUrl.make(baseUrl, pathPrefix)
  const policy = yield* AccessPolicy.fromRules(rules)
  const fleet = memoryFleet(options.servers ?? SERVERS)
  const services = SignInServices.layer({
    url,
    accessTokenLifetime: Duration.hours(1),
    refreshTokenLifetime: Duration.days(30)
  })
  const machines = MachineCredentials.MachineCredentials.layer({
    token: Option.none(),
    keys: [{ key: Redacted.make(MACHINE_KEY), name: "robot" }],
    keysPath: Option.none()
  }).pipe(Layer.provide(NodeServices.layer))
  const http = {
    allowedHosts: [],
    allowedOrigins: [],
    trustedProxies: options.trustedProxies ?? [],
    metricsToken: Option.map(Option.fromUndefinedOr(options.metricsToken), (token) => Redacted.make(token)),
    shutdownDelay: Duration.zero,
    shutdownGrace: Duration.seconds(1)
  }
  const address = { host: "127.0.0.1", port: 0, baseUrl, pathPrefix }
  const context = yield* Layer.build(
    Server.layer(http, Routes.signIn(url)).pipe(
      Layer.provideMerge(services),
      Layer.provide(Layer.merge(provider, machines)),
      Layer.provide(Gateway.overFleet.pipe(Layer.provideMerge(fleet.layer))),
      Layer.provideMerge(options.surroundings ?? Layer.merge(layerMemory, RootKey.layerRandom)),
      Layer.provide(
        Layer.mergeAll(
          Layer.succeed(AccessPolicy.AccessPolicy, policy.service),
          Audit.layerMemory([]),
          Draining.layer,
          Layer.succeed(Address, address),
          Metrics.layer
        )
      ),
      Layer.provide(options.bounds ?? Layer.empty),
      Layer.provideMerge(
        Listener.layer(
          { _tag: "Address", host: "127.0.0.1", port: 0, wait: false },
          options.stallTime ?? Duration.minutes(1)
        )
      )
    )
  )
  const listening = Context.get(context, HttpServer).address
  if (listening._tag !== "InetAddressV4") return yield* Effect.die(new Error("it listens on no port"))
  const { port } = listening
  const host = new URL(baseUrl).host

  /** Asks for a path, under the proxy's own name unless the headers say another. Redirects are not followed. */
  const ask = (path: string, { body, headers, method = "GET" }: Asked = {}): Effect.Effect<Answer> =>
    Effect.promise(async () => {
      const answer = await request(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { host, ...headers },
        ...(body === undefined ? {} : { body })
      })
      const { "set-cookie": cookies = [], ...rest } = answer.headers
      return {
        status: answer.statusCode,
        headers: Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)])),
        setCookies: [cookies].flat(),
        body: await answer.body.text()
      }
    })

  const register = (metadata: Readonly<Record<string, unknown>>) =>
    Effect.map(ask(`${pathPrefix}/register`, json(metadata)), ({ body }) => {
      const { client_id, client_secret } = JSON.parse(body) as {
        readonly client_id: string
        readonly client_secret?: string
      }
      return { id: client_id, secret: client_secret }
    })

  return { url, port, host, services: context, ask, register, replace: policy.replace }
})

export type Served = Effect.Success<ReturnType<typeof serve>>

/** What a browser is sent to, by its address as the browser knows it. */
export const locationOf = ({ headers }: Answer, base = BASE): URL => new URL(headers["location"] ?? "about:blank", base)

/** A browser of its own: it keeps cookies, and goes where the test tells it. */
export const openBrowser = (served: Served) => {
  const cookies = new Map<string, string>()
  const origin = new URL(served.url.issuer).origin
  const send = (path: string, asked: Asked = {}): Effect.Effect<Answer> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const headers = { "sec-fetch-site": "same-origin", ...(cookie === "" ? {} : { cookie }), ...asked.headers }
    return Effect.tap(served.ask(path, { ...asked, headers }), ({ setCookies }) =>
      Effect.sync(() => {
        for (const line of setCookies) {
          const [, name = "", value = ""] = /^([^=]+)=([^;]*)/u.exec(line) ?? []
          if (value === "") cookies.delete(name)
          else cookies.set(name, value)
        }
      })
    )
  }
  const pathOf = (location: URL): string => `${location.pathname}${location.search}`

  /** A client's request, to which the client's site has led unless the headers say otherwise. */
  const begin = (query: Readonly<Record<string, string>>, asked: Asked = {}) =>
    send(`${served.url.pathPrefix}/authorize?${new URLSearchParams(query).toString()}`, {
      ...asked,
      headers: { "sec-fetch-site": "cross-site", ...asked.headers }
    })

  /** From an answer that leads to the consent page, to that page and its form. */
  const page = (answer: Answer) =>
    Effect.gen(function* () {
      const path = pathOf(locationOf(answer, origin))
      const shown = yield* send(path)
      return {
        ...shown,
        path,
        fields: new URLSearchParams(
          (formOf(shown.body)?.fields ?? []).map(([name, value]): [string, string] => [name, value])
        )
      }
    })

  const decide = (fields: URLSearchParams, decision: "allow" | "deny", asked: Asked = {}) => {
    const body = new URLSearchParams(fields)
    body.set("decision", decision)
    return send(`${served.url.pathPrefix}/consent`, {
      ...form({}),
      body: body.toString(),
      ...asked
    })
  }

  /** Types a name on the demo's page. */
  const signInAs = (answer: Answer, name: string) => {
    const state = locationOf(answer, origin).searchParams.get("state") ?? ""
    return send(`${served.url.pathPrefix}/auth/callback?${new URLSearchParams({ state, name }).toString()}`)
  }

  return { cookies, send, begin, page, decide, signInAs }
}

const CALLBACK = "https://client.example/cb"

/** Signs a person in through a new client; the client's id, and its tokens. */
export const signedIn = Effect.fnUntraced(function* (served: Served, name: string) {
  const browser = openBrowser(served)
  const client = yield* served.register({ client_name: "Test", redirect_uris: [CALLBACK] })
  const { query, verifier } = goodRequest(client.id, CALLBACK)
  const { fields } = yield* browser.page(yield* browser.begin(query))
  const back = yield* browser.signInAs(yield* browser.decide(fields, "allow"), name)
  const exchanged = yield* served.ask(
    "/token",
    form({
      grant_type: "authorization_code",
      client_id: client.id,
      code: locationOf(back).searchParams.get("code") ?? "",
      code_verifier: verifier,
      redirect_uri: CALLBACK
    })
  )
  const tokens = JSON.parse(exchanged.body) as { readonly access_token: string; readonly refresh_token: string }
  return { client: client.id, ...tokens }
})
