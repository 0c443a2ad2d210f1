/** Whose is a request, and what does that server call it? */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Request } from "../domain/ClientMessage.ts"
import { BadParams, downWith, type ProxyError, UnknownName, UnknownResource } from "../domain/Errors.ts"
import { nearest } from "../domain/Names.ts"
import type { ServerId, SessionKey } from "../domain/ServerId.ts"
import * as View from "../domain/View.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import type { Requester } from "./Requester.ts"

/** Where a request goes, and the parameters that are different there. */
export interface Route {
  readonly server: ServerId
  readonly overrides: Readonly<Record<string, unknown>>
  /** The tool that is called. */
  readonly tool?: View.Entry | undefined
  /**
   * What stands for the server's own word that there is no such resource, where the caller may not use everything of it:
   * what is denied must not be told from what does not exist.
   */
  readonly unknown?: UnknownResource | undefined
}

const LIST = { tool: "tools", prompt: "prompts" } as const

/** How many are remembered who read pages. */
const MAX_PAGES = 10_000

const stringParam = (request: Request, name: string): Effect.Effect<string, BadParams> => {
  const value = request.params?.get(name)
  return typeof value === "string"
    ? Effect.succeed(value)
    : Effect.fail(new BadParams({ reason: `${request.method} needs params.${name}, a string` }))
}

/** `patience` says how long a requester may still wait for servers on their first start. */
export const make = Effect.gen(function* () {
  const catalog = yield* Catalog
  const fleet = yield* Fleet

  /** Has it never said what it offers? */
  const isSilent = (server: ServerId): boolean => {
    const upstream = fleet.shared(server)
    return upstream !== undefined && SubscriptionRef.getUnsafe(upstream.state).peer === undefined
  }

  /**
   * A server that has never said what it offers cannot be said not to offer this: its status is the answer, for those who
   * might use such a thing of it.
   */
  const silentOwner = (requester: Requester, kind: "tools" | "prompts", name: string): ServerId | undefined => {
    const { principal } = requester.caller
    const { scheme, servers } = catalog.section(requester.endpoint, principal)
    const silent = servers.filter(isSilent)
    const mayBeTheirs = (server: ServerId): boolean => {
      const own = View.withoutPrefix(server, name)
      return (
        (own !== undefined && catalog.mayUse(principal, kind, server, own)) ||
        (scheme.names !== "prefixed" && catalog.mayUse(principal, kind, server, name))
      )
    }
    const possible = silent.filter(mayBeTheirs)
    if (scheme.names === "prefixed") return View.serverByPrefix(possible, name)
    return silent.length === servers.length ? possible[0] : undefined
  }

  /** Is there such a thing, or, of a server that has never been up, might there be? */
  const isDenied = (requester: Requester, kind: "tools" | "prompts", name: string): boolean =>
    catalog.isOffered(requester.endpoint, requester.caller, kind, name) ||
    catalog.allServers(requester.endpoint).some((server) => {
      const own = isSilent(server) ? View.withoutPrefix(server, name) : undefined
      return own !== undefined && !catalog.mayUse(requester.caller.principal, kind, server, own)
    })

  /** Whose page each requester read last. */
  const lastPages = new Map<SessionKey, ServerId>()

  const readPage = ({ key }: Requester, server: ServerId): void => {
    lastPages.delete(key)
    lastPages.set(key, server)
    const [oldest] = lastPages.keys()
    if (lastPages.size > MAX_PAGES && oldest !== undefined) lastPages.delete(oldest)
  }

  /** The tool that a page must mean by its server's own name: of several, that of the page that was read last. */
  const pageCall = ({ key }: Requester, view: View.View, name: string): View.Entry | undefined => {
    const tools = View.calledByPages(view, name)
    return tools.length === 1 ? tools[0] : tools.find(({ server }) => server === lastPages.get(key))
  }

  const byName = (
    requester: Requester,
    kind: "tool" | "prompt",
    name: string,
    patience: () => Duration.Duration
  ): Effect.Effect<View.Entry, ProxyError> => {
    const known = catalog.known(requester.endpoint, requester.caller).byName[LIST[kind]].get(name)
    return known === undefined ? search(requester, kind, name, patience()) : Effect.succeed(known)
  }

  /** Waits for servers that may have it. */
  const search = Effect.fnUntraced(function* (
    requester: Requester,
    kind: "tool" | "prompt",
    name: string,
    patience: Duration.Duration
  ): Effect.fn.Return<View.Entry, ProxyError> {
    const list = LIST[kind]
    const { caller, endpoint } = requester
    const view = yield* catalog.complete(endpoint, caller, patience)
    const found = view.byName[list].get(name)
    if (found !== undefined) return found
    const ofPage = kind === "tool" ? pageCall(requester, view, name) : undefined
    if (ofPage !== undefined) return ofPage
    const silent = silentOwner(requester, list, name)
    const upstream = silent === undefined ? undefined : fleet.shared(silent)
    if (silent !== undefined && upstream !== undefined) {
      yield* upstream.retry
      const retried = catalog.known(endpoint, caller).byName[list].get(name)
      if (retried !== undefined) return retried
      const now = yield* Clock.currentTimeMillis
      return yield* downWith(silent, SubscriptionRef.getUnsafe(upstream.state).status, now)
    }
    const denied = isDenied(requester, list, name)
    return yield* new UnknownName({
      kind,
      name,
      nearest: nearest(name, view.byName[list].keys()),
      ...(denied ? { denied } : {})
    })
  })

  const byUri = (
    requester: Requester,
    uri: string
  ): Effect.Effect<{ server: ServerId; uri: string; unknown?: UnknownResource | undefined }, UnknownResource> => {
    const { principal } = requester.caller
    const { scheme, servers } = catalog.section(requester.endpoint, principal)
    const owner = View.resourceOwner(servers, scheme, uri)
    if (owner !== undefined && catalog.mayUseAll(principal, owner.server)) return Effect.succeed(owner)
    const unknown = new UnknownResource({ uri })
    if (owner !== undefined && catalog.mayUse(principal, "resources", owner.server, owner.uri)) {
      return Effect.succeed({ ...owner, unknown })
    }
    const exists = View.resourceOwner(catalog.allServers(requester.endpoint), scheme, uri) !== undefined
    return Effect.fail(exists ? new UnknownResource({ uri, denied: true }) : unknown)
  }

  const byReference = Effect.fnUntracedEager(function* (
    requester: Requester,
    request: Request,
    patience: () => Duration.Duration
  ): Effect.fn.Return<Route, ProxyError> {
    const ref = request.params?.get("ref")
    if (Predicate.isReadonlyObject(ref) && ref["type"] === "ref/prompt" && typeof ref["name"] === "string") {
      const entry = yield* byName(requester, "prompt", ref["name"], patience)
      return { server: entry.server, overrides: { ref: { ...ref, name: entry.original } } }
    }
    if (Predicate.isReadonlyObject(ref) && ref["type"] === "ref/resource" && typeof ref["uri"] === "string") {
      const { server, unknown, uri } = yield* byUri(requester, ref["uri"])
      return { server, unknown, overrides: { ref: { ...ref, uri } } }
    }
    const reason = `${request.method} needs params.ref, a ref/prompt with a name or a ref/resource with a uri`
    return yield* new BadParams({ reason })
  })

  const named = (
    requester: Requester,
    kind: "tool" | "prompt",
    request: Request,
    patience: () => Duration.Duration
  ): Effect.Effect<Route, ProxyError> =>
    stringParam(request, "name").pipe(
      Effect.flatMapEager((name) => byName(requester, kind, name, patience)),
      Effect.mapEager((entry) => ({
        server: entry.server,
        overrides: { name: entry.original },
        tool: kind === "tool" ? entry : undefined
      }))
    )

  /** The route of a request that one server answers; undefined for all others. */
  const route = (
    requester: Requester,
    request: Request,
    patience: () => Duration.Duration
  ): Effect.Effect<Route, ProxyError> | undefined => {
    switch (request.method) {
      case "tools/call":
        return named(requester, "tool", request, patience)
      case "prompts/get":
        return named(requester, "prompt", request, patience)
      case "resources/read":
      case "resources/subscribe":
      case "resources/unsubscribe":
        return stringParam(request, "uri").pipe(
          Effect.flatMapEager((uri) => byUri(requester, uri)),
          Effect.mapEager(({ server, unknown, uri }) => {
            if (uri.startsWith("ui://")) readPage(requester, server)
            return { server, unknown, overrides: { uri } }
          })
        )
      case "completion/complete":
        return byReference(requester, request, patience)
      default:
        return undefined
    }
  }

  return { route, byUri }
})

export type Router = Effect.Success<typeof make>
