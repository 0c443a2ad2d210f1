/** What each caller sees of the fleet: merged lists, capabilities and instructions, from memory. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import * as Caching from "../domain/Caching.ts"
import type { Hint } from "../domain/Caching.ts"
import type { Catalogue, Kind } from "../domain/Catalogue.ts"
import type { Caller } from "../domain/Lane.ts"
import { everything, isUnrestricted, type Permissions } from "../domain/Permissions.ts"
import { isAnonymous, type Principal } from "../domain/Principal.ts"
import type { Capabilities } from "../domain/Protocol.ts"
import type { ServerId } from "../domain/ServerId.ts"
import * as View from "../domain/View.ts"
import { logger } from "../observability/Logging.ts"
import type { Peer, Upstream } from "../upstream/Upstream.ts"
import { Fleet } from "./Fleet.ts"
import * as Offer from "./Offer.ts"
import type { Section } from "./Offer.ts"

const log = logger("fleet")

/** Which endpoint a caller talks to: the merged one, or one server's own. */
export type Endpoint = { readonly _tag: "All" } | { readonly _tag: "One"; readonly server: ServerId }

export class Catalog extends Context.Service<
  Catalog,
  {
    /** Is there such an endpoint for them? Of a server of which they may use nothing there is none. */
    readonly exists: (endpoint: Endpoint, principal: Principal) => boolean
    readonly section: (endpoint: Endpoint, principal: Principal) => Section
    readonly scheme: (endpoint: Endpoint) => View.Scheme
    /** May they use what the server itself calls by that name or URI, whether or not it offers it at present? */
    readonly mayUse: (principal: Principal, kind: Kind, server: ServerId, own: string) => boolean
    /** May they use everything of it? */
    readonly mayUseAll: (principal: Principal, server: ServerId) => boolean
    /** The servers of an endpoint, whoever may use them. No answer may depend on this. */
    readonly allServers: (endpoint: Endpoint) => ReadonlyArray<ServerId>
    /** Does the endpoint offer that tool or prompt to those who may use everything? No answer may depend on this. */
    readonly isOffered: (endpoint: Endpoint, caller: Caller, kind: "tools" | "prompts", name: string) => boolean
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
    /** Does a server of the endpoint have that capability, as far as the caller is concerned? */
    readonly declares: (endpoint: Endpoint, caller: Caller, capability: string) => boolean
    /** The extensions that servers of the endpoint declare, as they declare them; the first configured one has the word. */
    readonly extensions: (endpoint: Endpoint, caller: Caller) => Capabilities
    /** How long the caller may keep a list, or what the endpoint says of itself, and whether others may be shown it. */
    readonly hint: (endpoint: Endpoint, caller: Caller, kind: Kind | undefined) => Hint
    /** The servers' instructions, each under its name where there are several. */
    readonly instructions: (endpoint: Endpoint, principal: Principal) => string | undefined
  }
>()("mcp-proxy/fleet/Catalog") {}

/** A list that has outlived its validity is shown all the same where fetching it takes longer than this. */
const MAX_FRESHEN = Duration.seconds(5)

/** How many merged views are kept; each is a function of its catalogues' versions. */
const MAX_VIEWS = 256

const extensionsOf = (peer: Peer | undefined): object => {
  const extensions = peer?.capabilities["extensions"]
  return Predicate.isReadonlyObject(extensions) ? extensions : {}
}

const stateOf = (upstream: Upstream["Service"]) => SubscriptionRef.getUnsafe(upstream.state)

const make = Effect.gen(function* () {
  const fleet = yield* Fleet
  const policy = yield* AccessPolicy
  const views = new Map<string, View.View>()
  const warned = new Set<string>()

  let offer = Offer.of(fleet.config(), undefined)
  /** What the configuration in force makes of the servers. */
  const now = (): Offer.Offer => {
    const config = fleet.config()
    if (offer.config !== config) offer = Offer.of(config, offer)
    return offer
  }

  const whole = (endpoint: Endpoint): Section =>
    endpoint._tag === "All"
      ? now().merged
      : (now().sections.get(endpoint.server) ?? { servers: [], scheme: View.plain })

  const isUsable = (permissions: Permissions, server: ServerId): boolean => {
    const upstream = fleet.shared(server)
    return upstream !== undefined && now().selection.hasAny(permissions, server, stateOf(upstream))
  }

  const section = (endpoint: Endpoint, principal: Principal): Section => {
    const { scheme, servers } = whole(endpoint)
    const permissions = policy.permissions(principal)
    return { scheme, servers: servers.filter((server) => isUsable(permissions, server)) }
  }

  const warnOf = Effect.fnUntraced(function* (collisions: View.View["collisions"]) {
    for (const { hidden, kept, name } of collisions) {
      if (warned.has(name)) continue
      warned.add(name)
      yield* log.warning(`${name} is offered by both "${kept}" and "${hidden}"; the former, configured first, has it`)
    }
  })

  const warn = ({ collisions }: View.View): Effect.Effect<void> =>
    collisions.every(({ name }) => warned.has(name)) ? Effect.void : warnOf(collisions)

  type Connected = ReadonlyArray<readonly [ServerId, Upstream["Service"]]>

  const viewOf = (endpoint: Endpoint, upstreams: Connected, permissions: Permissions): View.View => {
    // What may not be used is left out before names are given, so that it has no part in them.
    const parts = upstreams.map(([server, upstream]) => ({
      server,
      catalogue: now().selection.of(permissions, server, stateOf(upstream).catalogue)
    }))
    const { scheme } = whole(endpoint)
    const key = `${scheme.names} ${scheme.uris} ${parts.map(({ catalogue, server }) => `${server} ${catalogue.version}`).join(", ")}`
    const found = views.get(key)
    if (found !== undefined) return found
    const view = View.merge(parts, scheme)
    views.set(key, view)
    const [oldest] = views.keys()
    if (views.size > MAX_VIEWS && oldest !== undefined) views.delete(oldest)
    return view
  }

  /** The caller's own connection, or the shared one while its own has not said anything. */
  const upstreamOf = (server: ServerId, caller: Caller): Upstream["Service"] | undefined => {
    const own = fleet.peek(server, caller)
    return own !== undefined && stateOf(own).peer !== undefined ? own : fleet.shared(server)
  }

  const upstreamsOf = (servers: ReadonlyArray<ServerId>, caller: Caller): Connected =>
    servers.flatMap((server) => {
      const upstream = upstreamOf(server, caller)
      return upstream === undefined ? [] : [[server, upstream] as const]
    })

  /** The view that a caller was last given, and what it was made of: every call asks for it. */
  const latest = new WeakMap<
    Caller,
    {
      readonly by: Offer.Offer
      readonly permissions: Permissions
      /** Of each server of the endpoint. */
      readonly catalogues: ReadonlyArray<Catalogue | undefined>
      readonly view: View.View
    }
  >()

  const catalogueOf = (server: ServerId, caller: Caller): Catalogue | undefined => {
    const upstream = upstreamOf(server, caller)
    return upstream === undefined ? undefined : stateOf(upstream).catalogue
  }

  /** It, where all that it was made of is the same but perhaps the catalogues. */
  const latestOf = (endpoint: Endpoint, caller: Caller) => {
    const last = latest.get(caller)
    return last?.by === now() &&
      last.permissions === policy.permissions(caller.principal) &&
      last.catalogues.length === whole(endpoint).servers.length
      ? last
      : undefined
  }

  const known = (endpoint: Endpoint, caller: Caller): View.View => {
    const { servers } = whole(endpoint)
    const last = latestOf(endpoint, caller)
    if (
      last !== undefined &&
      servers.every((server, index) => catalogueOf(server, caller) === last.catalogues[index])
    ) {
      return last.view
    }
    const permissions = policy.permissions(caller.principal)
    const view = viewOf(endpoint, upstreamsOf(servers, caller), permissions)
    const catalogues = servers.map((server) => catalogueOf(server, caller))
    latest.set(caller, { by: now(), permissions, catalogues, view })
    return view
  }

  /** What the servers said of themselves that have a capability, as far as the caller is concerned. */
  const declaringOf = (endpoint: Endpoint, caller: Caller, name: string): ReadonlyArray<Peer | undefined> => {
    const permissions = policy.permissions(caller.principal)
    return upstreamsOf(section(endpoint, caller.principal).servers, caller).flatMap(([server, upstream]) => {
      const { peer } = stateOf(upstream)
      return now().selection.declares(permissions, server, peer, name) ? [peer] : []
    })
  }

  const extensionsFor = (endpoint: Endpoint, caller: Caller): Capabilities =>
    Object.assign({}, ...declaringOf(endpoint, caller, "extensions").map(extensionsOf).reverse()) as Capabilities

  /** Waits for servers that have never been up yet. */
  const settle = (upstreams: ReadonlyArray<Upstream["Service"]>, patience: Duration.Duration) =>
    Effect.forEach(
      upstreams.filter((upstream) => stateOf(upstream).peer === undefined),
      (upstream) => upstream.settled,
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.timeoutOption(patience), Effect.asVoid)

  /** Waits until these servers have said what they offer at present. */
  const waitFor = (servers: ReadonlyArray<ServerId>, caller: Caller, patience: Duration.Duration) =>
    Effect.forEach(
      servers,
      // A caller that gets no connection of its own is shown what the shared one knows.
      (server) =>
        fleet.borrow(server, caller).pipe(
          Effect.tap((upstream) => settle([upstream], patience)),
          Effect.tap((upstream) => Effect.timeoutOption(upstream.freshen, MAX_FRESHEN)),
          Effect.catch(() => Effect.void)
        ),
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.scoped)

  /** What a server offers of which there is nothing to wait for. */
  const settledOf = (server: ServerId, caller: Caller, isPatient: boolean): Catalogue | undefined => {
    const upstream = fleet.peek(server, caller)
    if (upstream?.lane._tag !== "Shared" || !upstream.isFresh()) return undefined
    const { catalogue, peer } = stateOf(upstream)
    return isPatient && peer === undefined ? undefined : catalogue
  }

  /** The view, where there is no server to wait for and none has changed: lists are asked for often, and of many servers. */
  const settled = (endpoint: Endpoint, caller: Caller, isPatient: boolean): View.View | undefined => {
    const last = latestOf(endpoint, caller)
    const isSame = (server: ServerId, index: number): boolean =>
      settledOf(server, caller, isPatient) === last?.catalogues[index]
    return last !== undefined && whole(endpoint).servers.every(isSame) ? last.view : undefined
  }

  const complete = Effect.fnUntraced(function* (endpoint: Endpoint, caller: Caller, patience: Duration.Duration) {
    const permissions = policy.permissions(caller.principal)
    const isPatient = !Duration.isZero(patience)
    const waitedFor = whole(endpoint).servers.filter(
      (server) => settledOf(server, caller, isPatient) === undefined && isUsable(permissions, server)
    )
    if (waitedFor.length > 0) yield* waitFor(waitedFor, caller, patience)
    const view = known(endpoint, caller)
    yield* warn(view)
    return view
  })

  return Catalog.of({
    exists: (endpoint, principal) => {
      const permissions = policy.permissions(principal)
      return endpoint._tag === "All" ? permissions.admitted : isUsable(permissions, endpoint.server)
    },
    section,
    scheme: (endpoint) => whole(endpoint).scheme,
    mayUse: (principal, kind, server, own) => now().selection.mayUse(policy.permissions(principal), kind, server, own),
    isOffered: (endpoint, caller, kind, name) =>
      viewOf(endpoint, upstreamsOf(whole(endpoint).servers, caller), everything).byName[kind].has(name),
    mayUseAll: (principal, server) => isUnrestricted(policy.permissions(principal), server),
    allServers: (endpoint) => whole(endpoint).servers,
    known,
    complete: (endpoint, caller, patience) => {
      const view = settled(endpoint, caller, !Duration.isZero(patience))
      return view === undefined ? complete(endpoint, caller, patience) : Effect.mapEager(warn(view), () => view)
    },
    capabilities: Effect.fnUntraced(function* (endpoint, caller, patience) {
      const asked = upstreamsOf(section(endpoint, caller.principal).servers, caller)
      yield* settle(
        asked.map(([, upstream]) => upstream),
        patience
      )
      // Being up, a server may turn out to have nothing for them.
      const declaring = (name: string) => declaringOf(endpoint, caller, name)
      const declared = (name: string) => declaring(name).length > 0
      const extensions = extensionsFor(endpoint, caller)
      const subscribe = declaring("resources").some(
        (peer) => (peer?.capabilities["resources"] as { subscribe?: unknown })?.subscribe === true
      )
      return {
        ...(declared("tools") ? { tools: { listChanged: true } } : {}),
        ...(declared("prompts") ? { prompts: { listChanged: true } } : {}),
        ...(declared("resources")
          ? { resources: { ...(subscribe ? { subscribe: true } : {}), listChanged: true } }
          : {}),
        ...(declared("completions") ? { completions: {} } : {}),
        ...(declared("logging") ? { logging: {} } : {}),
        ...(Object.keys(extensions).length > 0 ? { extensions } : {})
      }
    }),
    declares: (endpoint, caller, capability) => declaringOf(endpoint, caller, capability).length > 0,
    extensions: extensionsFor,
    hint: (endpoint, caller, kind) => {
      const parts = upstreamsOf(section(endpoint, caller.principal).servers, caller)
      const hints = parts.map(([, upstream]): Hint => {
        const { hints, peer } = stateOf(upstream)
        const said = kind === undefined || peer === undefined ? undefined : hints[kind]
        return said ?? { ttlMs: 0, cacheScope: upstream.lane._tag === "Shared" ? "public" : "private" }
      })
      const merged = Caching.merge(hints)
      // Who has signed in may be shown what others may not.
      return isAnonymous(caller.principal) ? merged : { ...merged, cacheScope: "private" }
    },
    instructions: (endpoint, principal) => {
      const { servers } = section(endpoint, principal)
      const texts = servers.flatMap((server) => {
        const upstream = fleet.shared(server)
        const text = upstream === undefined ? undefined : stateOf(upstream).peer?.instructions
        return text === undefined ? [] : [servers.length === 1 ? text : `## ${server}\n\n${text.trim()}`]
      })
      return texts.length === 0 ? undefined : texts.join("\n\n")
    }
  })
})

export const layer: Layer.Layer<Catalog, never, Fleet | AccessPolicy> = Layer.effect(Catalog, make)
