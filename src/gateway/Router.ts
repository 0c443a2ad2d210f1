/** Whose is a request, and what does that server call it? */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Request } from "../domain/ClientMessage.ts"
import { BadParams, type ProxyError, UnknownName, UnknownResource, UpstreamDown } from "../domain/Errors.ts"
import { nearest } from "../domain/Names.ts"
import type { ServerId } from "../domain/ServerId.ts"
import * as Status from "../domain/UpstreamStatus.ts"
import * as View from "../domain/View.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import type { Session } from "./Session.ts"

/** Where a request goes, and the parameters that are different there. */
export interface Route {
  readonly server: ServerId
  readonly overrides: Readonly<Record<string, unknown>>
}

const stringParam = (request: Request, name: string): Effect.Effect<string, BadParams> => {
  const value = request.params?.values[name]
  return typeof value === "string"
    ? Effect.succeed(value)
    : Effect.fail(new BadParams({ reason: `${request.method} needs params.${name}, a string` }))
}

/** `patience` says how long a session may still wait for servers on their first start. */
export const make = Effect.gen(function* () {
  const catalog = yield* Catalog
  const fleet = yield* Fleet

  /** A server that has never said what it offers cannot be said not to offer this: its status is the answer. */
  const silentOwner = (session: Session, name: string): ServerId | undefined => {
    const { scheme, servers } = catalog.section(session.endpoint)
    const silent = servers.filter((server) => {
      const upstream = fleet.shared(server)
      return upstream !== undefined && SubscriptionRef.getUnsafe(upstream.state).peer === undefined
    })
    if (scheme.names === "prefixed") return View.serverByPrefix(silent, name)
    return silent.length === servers.length ? silent[0] : undefined
  }

  const byName = Effect.fnUntraced(function* (
    session: Session,
    kind: "tool" | "prompt",
    name: string,
    patience: Duration.Duration
  ): Effect.fn.Return<View.Entry, ProxyError> {
    const list = kind === "tool" ? "tools" : "prompts"
    const { caller, endpoint } = session
    const known = catalog.known(endpoint, caller).byName[list].get(name)
    if (known !== undefined) return known
    const view = yield* catalog.complete(endpoint, caller, patience)
    const found = view.byName[list].get(name)
    if (found !== undefined) return found
    const silent = silentOwner(session, name)
    const upstream = silent === undefined ? undefined : fleet.shared(silent)
    if (silent !== undefined && upstream !== undefined) {
      yield* upstream.retry
      const retried = catalog.known(endpoint, caller).byName[list].get(name)
      if (retried !== undefined) return retried
      const now = yield* Clock.currentTimeMillis
      const status = Status.describe(SubscriptionRef.getUnsafe(upstream.state).status, now)
      return yield* new UpstreamDown({ server: silent, status })
    }
    return yield* new UnknownName({ kind, name, nearest: nearest(name, view.byName[list].keys()) })
  })

  const byUri = (session: Session, uri: string): Effect.Effect<{ server: ServerId; uri: string }, UnknownResource> => {
    const { scheme, servers } = catalog.section(session.endpoint)
    const owner = View.resourceOwner(servers, scheme, uri)
    return owner === undefined ? Effect.fail(new UnknownResource({ uri })) : Effect.succeed(owner)
  }

  const byReference = Effect.fnUntraced(function* (
    session: Session,
    request: Request,
    patience: Duration.Duration
  ): Effect.fn.Return<Route, ProxyError> {
    const ref = request.params?.values["ref"]
    if (Predicate.isReadonlyObject(ref) && ref["type"] === "ref/prompt" && typeof ref["name"] === "string") {
      const entry = yield* byName(session, "prompt", ref["name"], patience)
      return { server: entry.server, overrides: { ref: { ...ref, name: entry.original } } }
    }
    if (Predicate.isReadonlyObject(ref) && ref["type"] === "ref/resource" && typeof ref["uri"] === "string") {
      const owner = yield* byUri(session, ref["uri"])
      return { server: owner.server, overrides: { ref: { ...ref, uri: owner.uri } } }
    }
    const reason = `${request.method} needs params.ref, a ref/prompt with a name or a ref/resource with a uri`
    return yield* new BadParams({ reason })
  })

  /** The route of a request that one server answers; undefined for all others. */
  const route = (
    session: Session,
    request: Request,
    patience: Duration.Duration
  ): Effect.Effect<Route, ProxyError> | undefined => {
    switch (request.method) {
      case "tools/call":
      case "prompts/get":
        return stringParam(request, "name").pipe(
          Effect.flatMap((name) =>
            byName(session, request.method === "tools/call" ? "tool" : "prompt", name, patience)
          ),
          Effect.map(({ original, server }) => ({ server, overrides: { name: original } }))
        )
      case "resources/read":
      case "resources/subscribe":
      case "resources/unsubscribe":
        return stringParam(request, "uri").pipe(
          Effect.flatMap((uri) => byUri(session, uri)),
          Effect.map(({ server, uri }) => ({ server, overrides: { uri } }))
        )
      case "completion/complete":
        return byReference(session, request, patience)
      default:
        return undefined
    }
  }

  return { route, byUri }
})
