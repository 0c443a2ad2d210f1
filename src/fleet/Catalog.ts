/** What each caller sees of the fleet: merged lists, capabilities and instructions, from memory. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Catalogue } from "../domain/Catalogue.ts"
import type { Caller } from "../domain/Lane.ts"
import type { Capabilities } from "../domain/Protocol.ts"
import type { ServerId } from "../domain/ServerId.ts"
import * as View from "../domain/View.ts"
import { logger } from "../observability/Logging.ts"
import type { Upstream } from "../upstream/Upstream.ts"
import { Fleet } from "./Fleet.ts"

const log = logger("fleet")

/** Which endpoint a caller talks to: the merged one, or one server's own. */
export type Endpoint = { readonly _tag: "All" } | { readonly _tag: "One"; readonly server: ServerId }

/** The servers of an endpoint, and how they are named there. */
export interface Section {
  readonly servers: ReadonlyArray<ServerId>
  readonly scheme: View.Scheme
}

export class Catalog extends Context.Service<
  Catalog,
  {
    readonly section: (endpoint: Endpoint) => Section
    /** The view of what the caller's open connections and, where it has none, the shared ones have said so far. */
    readonly known: (endpoint: Endpoint, caller: Caller) => View.View
    /** The same once every server of the endpoint is connected for this caller, or `patience` has passed. */
    readonly complete: (endpoint: Endpoint, caller: Caller, patience: Duration.Duration) => Effect.Effect<View.View>
    /** What the endpoint's servers can do together, as a server declares it at initialize. */
    readonly capabilities: (
      endpoint: Endpoint,
      caller: Caller,
      patience: Duration.Duration
    ) => Effect.Effect<Capabilities>
    /** The servers' instructions, each under its name where there are several. */
    readonly instructions: (endpoint: Endpoint) => string | undefined
  }
>()("mcp-proxy/fleet/Catalog") {}

/** How many merged views are kept; each is a function of its catalogues' versions. */
const MAX_VIEWS = 256

const stateOf = (upstream: Upstream["Service"]) => SubscriptionRef.getUnsafe(upstream.state)

const make = Effect.gen(function* () {
  const fleet = yield* Fleet
  const everyone = fleet.config.servers.map(({ id }) => id)
  const merged: Section = { servers: everyone, scheme: View.schemeFor(fleet.config.naming, everyone.length) }
  const sections = new Map(everyone.map((id): [ServerId, Section] => [id, { servers: [id], scheme: View.plain }]))
  const views = new Map<string, View.View>()
  const warned = new Set<string>()

  const section = (endpoint: Endpoint): Section =>
    endpoint._tag === "All" ? merged : (sections.get(endpoint.server) ?? { servers: [], scheme: View.plain })

  const warn = Effect.fnUntraced(function* (view: View.View) {
    for (const { hidden, kept, name } of view.collisions) {
      if (warned.has(name)) continue
      warned.add(name)
      yield* log.warning(`${name} is offered by both "${kept}" and "${hidden}"; the former, configured first, has it`)
    }
  })

  const viewOf = (
    endpoint: Endpoint,
    upstreams: ReadonlyArray<readonly [ServerId, Upstream["Service"]]>
  ): View.View => {
    const parts = upstreams.map(([server, upstream]) => ({ server, catalogue: stateOf(upstream).catalogue }))
    const { scheme } = section(endpoint)
    const key = `${scheme.names} ${scheme.uris} ${parts.map(({ catalogue, server }) => `${server} ${catalogue.version}`).join(", ")}`
    const found = views.get(key)
    if (found !== undefined) return found
    const view = View.merge(parts, scheme)
    views.set(key, view)
    const [oldest] = views.keys()
    if (views.size > MAX_VIEWS && oldest !== undefined) views.delete(oldest)
    return view
  }

  /** For each server the caller's own connection, or the shared one while its own has not said anything. */
  const upstreamsOf = (endpoint: Endpoint, caller: Caller) =>
    section(endpoint).servers.flatMap((server) => {
      const own = fleet.peek(server, caller)
      const upstream = own !== undefined && stateOf(own).peer !== undefined ? own : fleet.shared(server)
      return upstream === undefined ? [] : [[server, upstream] as const]
    })

  /** The view that a caller was last given, and of which catalogues it was made: every call asks for it. */
  const latest = new WeakMap<Caller, { readonly catalogues: ReadonlyArray<Catalogue>; readonly view: View.View }>()

  const known = (endpoint: Endpoint, caller: Caller): View.View => {
    const upstreams = upstreamsOf(endpoint, caller)
    const last = latest.get(caller)
    const isCurrent =
      last?.catalogues.length === upstreams.length &&
      upstreams.every(([, upstream], index) => stateOf(upstream).catalogue === last.catalogues[index])
    if (last !== undefined && isCurrent) return last.view
    const view = viewOf(endpoint, upstreams)
    latest.set(caller, { catalogues: upstreams.map(([, upstream]) => stateOf(upstream).catalogue), view })
    return view
  }

  /** Waits for servers that have never been up yet. */
  const settle = (upstreams: ReadonlyArray<Upstream["Service"]>, patience: Duration.Duration) =>
    Effect.forEach(
      upstreams.filter((upstream) => stateOf(upstream).peer === undefined),
      (upstream) => upstream.settled,
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.timeoutOption(patience), Effect.asVoid)

  return Catalog.of({
    section,
    known,
    complete: Effect.fnUntraced(function* (endpoint, caller, patience) {
      const { servers } = section(endpoint)
      yield* Effect.forEach(
        servers,
        // A caller that gets no connection of its own is shown what the shared one knows.
        (server) =>
          fleet.borrow(server, caller).pipe(
            Effect.tap((upstream) => settle([upstream], patience)),
            Effect.catch(() => Effect.void)
          ),
        { concurrency: "unbounded", discard: true }
      ).pipe(Effect.scoped)
      const view = known(endpoint, caller)
      yield* warn(view)
      return view
    }),
    capabilities: Effect.fnUntraced(function* (endpoint, caller, patience) {
      const upstreams = upstreamsOf(endpoint, caller).map(([, upstream]) => upstream)
      yield* settle(upstreams, patience)
      const peers = upstreams.map((upstream) => stateOf(upstream).peer)
      const declared = (name: string) => peers.some((peer) => peer?.capabilities[name] !== undefined)
      // Of a server that has never been up nothing is known: its lists may yet come, and list_changed with them.
      const unknown = peers.includes(undefined)
      const subscribe = peers.some(
        (peer) => (peer?.capabilities["resources"] as { subscribe?: unknown })?.subscribe === true
      )
      return {
        ...(declared("tools") || unknown ? { tools: { listChanged: true } } : {}),
        ...(declared("prompts") || unknown ? { prompts: { listChanged: true } } : {}),
        ...(declared("resources") || unknown
          ? { resources: { ...(subscribe ? { subscribe: true } : {}), listChanged: true } }
          : {}),
        ...(declared("completions") ? { completions: {} } : {}),
        ...(declared("logging") ? { logging: {} } : {})
      }
    }),
    instructions: (endpoint) => {
      const { servers } = section(endpoint)
      const texts = servers.flatMap((server) => {
        const upstream = fleet.shared(server)
        const text = upstream === undefined ? undefined : stateOf(upstream).peer?.instructions
        return text === undefined ? [] : [servers.length === 1 ? text : `## ${server}\n\n${text.trim()}`]
      })
      return texts.length === 0 ? undefined : texts.join("\n\n")
    }
  })
})

export const layer: Layer.Layer<Catalog, never, Fleet> = Layer.effect(Catalog, make)
