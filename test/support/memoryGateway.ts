/** The whole gateway up to its HTTP endpoint, in this process, before a fleet in memory, for whoever the test says asks. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as AccessPolicy from "../../src/access/AccessPolicy.ts"
import * as Audit from "../../src/access/Audit.ts"
import * as UsersFile from "../../src/access/UsersFile.ts"
import type { AuditRecord } from "../../src/domain/AuditRecord.ts"
import type { AccessRules } from "../../src/domain/AccessRules.ts"
import type { Principal } from "../../src/domain/Principal.ts"
import { isModernRevision, LATEST_MODERN, META } from "../../src/domain/Protocol.ts"
import { Subject } from "../../src/domain/ServerId.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { Parking } from "../../src/gateway/Parking.ts"
import { Sessions } from "../../src/gateway/Sessions.ts"
import { Draining } from "../../src/http/Draining.ts"
import * as Endpoints from "../../src/http/Endpoints.ts"
import * as Later from "../../src/http/Later.ts"
import * as McpEndpoint from "../../src/http/McpEndpoint.ts"
import { RootKey } from "../../src/keys/RootKey.ts"
import * as Metrics from "../../src/observability/Metrics.ts"
import * as Store from "../../src/storage/Store.ts"
import type { MemoryFleet } from "./memoryFleet.ts"

/** Rules as a users.json has them. */
export const rulesOf = (file: unknown): AccessRules => ({
  file: Result.getOrThrow(UsersFile.read(JSON.stringify(file))),
  emails: new Set(),
  domains: new Set()
})

export const person = (email: string, hostedDomain?: string): Principal => ({
  subject: Subject.make(`test:${email}`),
  kind: "person",
  displayName: email,
  email,
  ...(hostedDomain === undefined ? {} : { hostedDomain })
})

/** How long to wait at most, in real time, for what happens in turns of its own. */
const PATIENCE_MILLIS = 5000

/** Waits until something holds that streams and ciphers of the platform bring about, in turns of their own. */
export const arrived = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => {
    const deadline = performance.now() + PATIENCE_MILLIS
    const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    return turn.pipe(
      Effect.repeat({ until: () => holds() || performance.now() > deadline }),
      Effect.andThen(Effect.suspend(() => (holds() ? Effect.void : Effect.die(new Error(`still not so: ${holds}`)))))
    )
  })

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** A text is sent as it is. */
  readonly body?: unknown
}

export interface Reply {
  readonly id: number
  readonly result?: {
    readonly resultType: string
    readonly inputRequests?: Readonly<Record<string, { readonly method: string; readonly params: unknown }>>
    readonly requestState?: string
    readonly content?: unknown
  }
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

const ENVELOPE = {
  [META.protocolVersion]: LATEST_MODERN,
  [META.clientCapabilities]: {},
  [META.clientInfo]: { name: "test", version: "1" }
}

const make = Effect.gen(function* () {
  const serve = yield* McpEndpoint.make
  const endpointOf = yield* Endpoints.make
  const sessions = yield* Sessions

  /** What `/mcp`, or `/mcp/{server}`, answers. The body of a stream is not read. */
  const respond = (
    principal: Principal,
    server: string | undefined,
    { body, headers = {}, method = "POST" }: Asked
  ) => {
    const url = `http://localhost/mcp${server === undefined ? "" : `/${server}`}`
    const web = new Request(url, {
      method,
      headers: { accept: "application/json, text/event-stream", "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
    const endpoint = server === undefined ? ({ _tag: "All" } as const) : endpointOf(server, principal)
    const response =
      endpoint === undefined
        ? Effect.succeed(Endpoints.unknownServer(server ?? ""))
        : Later.settled(serve(HttpServerRequest.fromWeb(web), principal, endpoint))
    return Effect.map(response, (served) => HttpServerResponse.toWeb(served))
  }

  /** The whole body. Interruption closes the connection, as far as there is one. */
  const textOf = (response: Response): Effect.Effect<string> =>
    Effect.suspend(() => {
      const reader = response.body?.getReader()
      const read = async (): Promise<string> => {
        const chunks: Array<Uint8Array> = []
        for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read())
          chunks.push(chunk.value)
        return Buffer.concat(chunks).toString()
      }
      return Effect.onInterrupt(Effect.promise(read), () => Effect.promise(async () => void (await reader?.cancel())))
    })

  const ask = (principal: Principal, server: string | undefined, asked: Asked): Effect.Effect<Answered> =>
    Effect.flatMap(respond(principal, server, asked), (response) =>
      Effect.map(textOf(response), (body) => ({
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body
      }))
    )

  /** What comes on an event stream, as it comes. */
  const stream = Effect.fnUntraced(function* (response: Response) {
    const heard: Array<string> = []
    let hasEnded = false
    const reader = response.body?.getReader()
    const pump = Effect.gen(function* () {
      for (;;) {
        const chunk = yield* Effect.promise(() => reader?.read() ?? Promise.resolve({ done: true, value: undefined }))
        if (chunk.done) break
        const text = Buffer.from(chunk.value as Uint8Array).toString()
        heard.push(...[...text.matchAll(/^data: (\{.*\})$/gmu)].map(([, data = ""]) => data))
      }
      hasEnded = true
    })
    yield* Effect.forkScoped(pump)
    const leave = Effect.promise(() => reader?.cancel() ?? Promise.resolve())
    return { status: response.status, heard, hasEnded: () => hasEnded, leave }
  })

  /** What a modern client sends, whose requests each say it all. */
  const modern = (id: number, method: string, sent: object, capabilities: object = {}): Asked => {
    const { name, uri } = sent as { readonly name?: string; readonly uri?: string }
    const target = name ?? uri
    const envelope = { ...ENVELOPE, [META.clientCapabilities]: capabilities }
    return {
      headers: {
        "mcp-protocol-version": LATEST_MODERN,
        "mcp-method": method,
        ...(target === undefined ? {} : { "mcp-name": target })
      },
      body: { jsonrpc: "2.0", id, method, params: { ...sent, _meta: envelope } }
    }
  }

  /** Begins a session, or asks what there is. `call` then makes requests. */
  const begin = Effect.fnUntraced(function* (principal: Principal, server?: string, revision = "2025-11-25") {
    const isModern = isModernRevision(revision)
    const params = { protocolVersion: revision, capabilities: {}, clientInfo: { name: "test", version: "1" } }
    const begun = yield* ask(
      principal,
      server,
      isModern ? modern(0, "server/discover", {}) : { body: { jsonrpc: "2.0", id: 0, method: "initialize", params } }
    )
    const headers = { "mcp-session-id": begun.headers["mcp-session-id"] ?? "none", "mcp-protocol-version": revision }
    const send = (method: string, sent: object = {}) =>
      ask(
        principal,
        server,
        isModern ? modern(1, method, sent) : { headers, body: { jsonrpc: "2.0", id: 1, method, params: sent } }
      )
    return {
      begun,
      headers,
      send,
      /** The result of a request; throws where it is an error. */
      call: (method: string, sent: object = {}) =>
        Effect.map(send(method, sent), ({ body }) => {
          const { error, result } = JSON.parse(body) as {
            readonly result?: Record<string, unknown>
            readonly error?: unknown
          }
          if (result === undefined) throw new Error(JSON.stringify(error))
          return result
        }),
      /** Opens the standing stream; what comes on it, as it comes. */
      listen: Effect.gen(function* () {
        const listening = yield* stream(yield* respond(principal, server, { method: "GET", headers }))
        const own = () => [...sessions.all()].find(({ id }) => id === headers["mcp-session-id"])
        yield* arrived(() => own()?.listening !== undefined)
        return listening
      })
    }
  })

  /** One request of a modern client's that can be asked everything; the whole answer. */
  const once = Effect.fnUntraced(function* (principal: Principal, id: number, method: string, sent: object = {}) {
    const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }
    const answered = yield* ask(principal, undefined, modern(id, method, sent, capabilities))
    return { status: answered.status, ...(JSON.parse(answered.body) as Reply) }
  })

  /** A modern client's stream of changes; what comes on it, the acknowledgement first. */
  const subscribe = Effect.fnUntraced(function* (principal: Principal, id: number, notifications: object) {
    const asked = modern(id, "subscriptions/listen", { notifications })
    const listening = yield* stream(yield* respond(principal, undefined, asked))
    if (listening.status === 200) yield* arrived(() => listening.heard.length > 0)
    return listening
  })

  return { ask, begin, once, subscribe }
})

/** Whoever is asked to let everybody in. */
export const EVERYBODY: AccessRules = { file: undefined, emails: new Set(), domains: new Set(["example.com"]) }

/** A gateway before the fleet, under the rules and within the bounds, until the scope closes; `store` is what outlives it. */
export const memoryGateway = Effect.fnUntraced(function* (
  fleet: MemoryFleet,
  rules: AccessRules,
  {
    bounds = Layer.empty,
    store = Store.layerMemory
  }: { readonly bounds?: Layer.Layer<never>; readonly store?: Layer.Layer<Store.Store> } = {}
) {
  const policy = yield* AccessPolicy.fromRules(rules)
  const records: Array<AuditRecord> = []
  const gateway = yield* Layer.build(
    Gateway.overFleet.pipe(
      Layer.provideMerge(fleet.layer),
      Layer.provideMerge(
        Layer.mergeAll(
          Layer.succeed(AccessPolicy.AccessPolicy, policy.service),
          Audit.layerMemory(records),
          // The same for all of them, so that one gateway is the next process of another; and strong, for others are stretched.
          RootKey.layerText(Redacted.make("0123456789abcdef".repeat(4))),
          store,
          Draining.layer,
          Metrics.layer
        )
      ),
      Layer.provideMerge(bounds)
    )
  )
  const made = yield* Effect.provide(make, gateway)
  const parking = yield* Effect.provide(Parking, gateway)
  const metrics = () => Metrics.text(Context.get(gateway, Metrics.Metrics))
  return { ...made, records, metrics, parked: parking.count, services: gateway, replace: policy.replace }
})
