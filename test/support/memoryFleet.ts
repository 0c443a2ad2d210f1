/** A fleet without connections: the test says what each server offers and answers, and whether it is up. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Catalogue from "../../src/domain/Catalogue.ts"
import { downWith } from "../../src/domain/Errors.ts"
import type { QueueBounds } from "../../src/domain/FairQueue.ts"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import * as Lane from "../../src/domain/Lane.ts"
import type { Era } from "../../src/domain/Protocol.ts"
import { type GatewayConfig, makeServer, type Naming, type ServerConfig } from "../../src/domain/ServerConfig.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import type { UpstreamStatus } from "../../src/domain/UpstreamStatus.ts"
import { Fleet } from "../../src/fleet/Fleet.ts"
import { Restraint } from "../../src/upstream/Restraint.ts"
import type { CallHandlers } from "../../src/upstream/Rpc.ts"
import type { LaneEvent, Upstream, UpstreamError, UpstreamState } from "../../src/upstream/Upstream.ts"

export type Offer = Partial<Record<Catalogue.Kind, ReadonlyArray<string>>>

export interface MemoryServer {
  readonly offer: Offer
  /** `down`: it was up, and is not any more. `silent`: it has never been up. */
  readonly status?: "up" | "down" | "silent"
  readonly capabilities?: Readonly<Record<string, unknown>>
  readonly instructions?: string
  /** What calls wait for before they are answered. */
  readonly gate?: Effect.Effect<void>
  readonly era?: Era
  readonly hints?: UpstreamState["hints"]
  /** What a call is answered with, as members of the response, once the server has asked what it wants to know. */
  readonly raw?: Raw
  /** Further members of the items of that name. */
  readonly more?: Readonly<Record<string, object>>
  /** How many calls it is given at a time, and how many may wait for that. */
  readonly calls?: QueueBounds
  readonly play?: (request: MemoryRequest, handlers: CallHandlers) => Effect.Effect<object, UpstreamError>
}

/** What a request is answered with byte for byte: the whole response, under the id 1. */
export type Raw = (message: Uint8Array) => Uint8Array

export interface MemoryRequest {
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>>
}

const item = (kind: Catalogue.Kind, name: string, more: object = {}): Catalogue.Item => {
  const head = `{"${Catalogue.LIST[kind].name}":`
  const text = JSON.stringify(name)
  const at = { start: head.length, end: head.length + Json.utf8(text).length }
  return { name, bytes: Json.utf8(`${head}${text},${JSON.stringify({ x: 1, ...more }).slice(1)}`), at }
}

export const lists = (offer: Offer, more: MemoryServer["more"] = {}): Catalogue.Lists => ({
  tools: (offer.tools ?? []).map((name) => item("tools", name, more[name])),
  prompts: (offer.prompts ?? []).map((name) => item("prompts", name)),
  resources: (offer.resources ?? []).map((name) => item("resources", name)),
  resourceTemplates: (offer.resourceTemplates ?? []).map((name) => item("resourceTemplates", name))
})

const EVERYTHING = {
  tools: { listChanged: true },
  prompts: {},
  resources: { subscribe: true },
  completions: {},
  logging: {}
}

const config = (id: ServerId, { calls }: MemoryServer): ServerConfig =>
  makeServer({ id, calls, transport: { _tag: "Unusable", reason: "there is nothing behind it" } })

const DOWN: UpstreamStatus = {
  _tag: "Failed",
  failure: "crash",
  reason: "it is out of order",
  retryAt: undefined
}

const stateFor = (server: MemoryServer, shelf: Catalogue.Shelf): UpstreamState => {
  const status = server.status ?? "up"
  return {
    status: status === "up" ? { _tag: "Ready" } : DOWN,
    peer:
      status === "silent"
        ? undefined
        : {
            era: server.era ?? "legacy",
            revision: "2025-11-25",
            capabilities: server.capabilities ?? EVERYTHING,
            name: "memory",
            version: "1",
            instructions: server.instructions
          },
    catalogue: status === "silent" ? Catalogue.empty : shelf.shelve(lists(server.offer, server.more)),
    startMillis: 1,
    hints: server.hints ?? {},
    note: undefined
  }
}

/** What a server answers: its own error for resources that it does not have, and for all else the request itself. */
const answer = (server: MemoryServer, request: { readonly method: string; readonly params?: unknown }): object => {
  const params = request.params as { readonly uri?: string } | undefined
  const isThere = [...(server.offer.resources ?? [])].includes(params?.uri ?? "")
  if (request.method.startsWith("resources/") && params?.uri !== undefined && !isThere) {
    return { error: { code: -32602, message: `${params.uri}? Never heard of it.` } }
  }
  return { result: { said: request } }
}

export interface MemoryFleet {
  readonly layer: Layer.Layer<Fleet>
  /** The methods that reached each server. */
  readonly reached: ReadonlyArray<string>
  /** Changes what there is behind a server. */
  readonly become: (server: string, next: MemoryServer) => Effect.Effect<void>
  /** A server says something of its own accord. */
  readonly say: (server: string, event: LaneEvent["event"]) => void
}

/** The servers in the order of configuration. */
export const memoryFleet = (servers: Readonly<Record<string, MemoryServer>>, naming: Naming = "auto"): MemoryFleet => {
  const reached: Array<string> = []
  const current = new Map(Object.entries(servers))
  const shelf = new Catalogue.Shelf()
  const states = new Map<string, SubscriptionRef.SubscriptionRef<UpstreamState>>()
  const events = Effect.runSync(PubSub.unbounded<LaneEvent>())
  const upstreamOf = (name: string): Upstream["Service"] => {
    const state = Effect.runSync(SubscriptionRef.make(stateFor(servers[name]!, shelf)))
    states.set(name, state)
    return {
      config: config(ServerId.make(name), servers[name]!),
      lane: Lane.shared,
      state,
      restraint: new Restraint(false),
      settled: Effect.void,
      retry: Effect.sync(() => void reached.push(`${name} retry`)),
      freshen: Effect.void,
      isFresh: () => true,
      call: ({ encode }, handlers) =>
        Effect.gen(function* () {
          const server = current.get(name)!
          const era = server.era ?? "legacy"
          const message = Buffer.concat(encode(1, era))
          const request = JSON.parse(message.toString()) as MemoryRequest
          reached.push(`${name} ${request.method}`)
          if ((server.status ?? "up") !== "up") {
            return yield* downWith(name, DOWN, 0)
          }
          if (server.gate !== undefined) yield* server.gate
          const say = Effect.fnUntraced(function* () {
            if (server.raw !== undefined) return server.raw(message)
            const said = server.play === undefined ? answer(server, request) : yield* server.play(request, handlers)
            return Json.encode({ jsonrpc: "2.0", id: 1, ...said })
          })
          const frame = Frame.read(yield* say())
          return Frame.isFrame(frame) ? { frame, era } : yield* Effect.die(new Error(frame.malformed))
        }),
      notify: () => Effect.void,
      watch: () => {},
      hears: () => Effect.void,
      unwatch: (uri) => {
        reached.push(`${name} unwatch ${uri}`)
        return true
      },
      followTask: () => {},
      unfollowTask: () => {},
      forget: () => Effect.void,
      setLogLevel: (level) => Effect.sync(() => void reached.push(`${name} level ${level}`))
    }
  }
  const upstreams = new Map(Object.keys(servers).map((name) => [name, upstreamOf(name)]))
  const gateway: GatewayConfig = {
    servers: Object.entries(servers).map(([name, server]) => config(ServerId.make(name), server)),
    naming,
    pageSize: 1000,
    maxLanes: undefined,
    maxLanesPerUser: undefined,
    laneIdle: Duration.minutes(15)
  }
  return {
    layer: Layer.succeed(
      Fleet,
      Fleet.of({
        config: () => gateway,
        changes: Stream.concat(Stream.make(gateway), Stream.never),
        apply: () => Effect.die(new Error("the servers of this fleet are given once and for all")),
        events,
        shared: (server) => upstreams.get(server),
        peek: (server) => upstreams.get(server),
        begin: (server) => ({ connection: () => Effect.succeed(upstreams.get(server)!), end: () => {} }),
        opened: () => Effect.void,
        borrow: (server) => Effect.succeed(upstreams.get(server)!),
        attend: (server, _, use) => Effect.scoped(Effect.andThen(use(upstreams.get(server)!), Effect.never)) as never,
        hold: () => Effect.void,
        release: () => Effect.void,
        lanes: () => 0
      })
    ),
    reached,
    become: (name, next) => {
      current.set(name, next)
      return SubscriptionRef.set(states.get(name)!, stateFor(next, shelf))
    },
    say: (name, event) => void PubSub.publishUnsafe(events, { server: ServerId.make(name), lane: Lane.shared, event })
  }
}
