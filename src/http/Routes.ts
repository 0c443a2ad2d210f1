/** Everything that is served over HTTP, for a router of ours or of an embedding program. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { PublicUrl } from "../auth/PublicUrl.ts"
import { Address } from "./Address.ts"
import { AdminApi } from "./AdminApi.ts"
import * as AdminRoutes from "./AdminRoutes.ts"
import { HealthApi } from "./HealthApi.ts"
import * as AccountRoutes from "./AccountRoutes.ts"
import * as HealthRoutes from "./HealthRoutes.ts"
import * as HomeRoutes from "./HomeRoutes.ts"
import * as HostGuard from "./HostGuard.ts"
import * as McpRoutes from "./McpRoutes.ts"
import * as MetadataRoutes from "./MetadataRoutes.ts"
import * as MetricsRoutes from "./MetricsRoutes.ts"
import * as OAuthRoutes from "./OAuthRoutes.ts"
import * as Prefix from "./Prefix.ts"
import * as SignInRoutes from "./SignInRoutes.ts"

export interface RouteOptions extends HostGuard.HostGuardOptions, MetricsRoutes.MetricsOptions, McpRoutes.McpOptions {}

/** Liveness is asked for by machines that call us whatever they like. */
const isHealth = (url: string): boolean => /\/health(\?|$)/u.test(url)

/** Refuses requests whose Host or Origin is not one of ours; for the routes that it is provided to. */
const guard = HttpRouter.middleware(
  Effect.map(
    HostGuard.HostGuard,
    (refusal) => (handled) =>
      Effect.flatMap(HttpServerRequest, (request) => {
        const refused = isHealth(request.originalUrl) ? undefined : refusal(request)
        return refused === undefined ? handled : Effect.succeed(refused)
      })
  )
).layer

const health = HttpApiBuilder.layer(HealthApi).pipe(Layer.provide(HealthRoutes.layer))

/** Below the prefix alone: it is for people who know the address. */
const admin = Layer.unwrap(
  Effect.map(Address, ({ pathPrefix }) =>
    HttpApiBuilder.layer(AdminApi).pipe(Layer.provide(AdminRoutes.layer), Layer.provide(below(pathPrefix)))
  )
)

/** The router for what is below a prefix. */
const below = (pathPrefix: string) =>
  Layer.effect(
    HttpRouter.HttpRouter,
    Effect.map(HttpRouter.HttpRouter, (router) => Prefix.below(router, pathPrefix))
  )

/** Health is asked for at the root by those who do not know the prefix, and does not tell it. */
const healthRoutes = Layer.unwrap(
  Effect.map(Address, ({ pathPrefix }) => {
    if (pathPrefix === "") return health
    return Layer.merge(health, Layer.fresh(health).pipe(Layer.provide(below(pathPrefix))))
  })
)

/**
 * `/mcp`, `/mcp/{server}`, `/health`, `/ready`, `/metrics`, `/admin/reload` and the page at the root, below the address's
 * prefix.
 */
export const layer = (options: RouteOptions) => {
  const guarded = Layer.mergeAll(HomeRoutes.layer, healthRoutes, admin, MetricsRoutes.layer(options))
  return Layer.merge(McpRoutes.layer(options), Layer.provide(guarded, guard)).pipe(
    Layer.provide(HostGuard.layer(options))
  )
}

/** What sign-in needs besides: metadata, the OAuth endpoints, and the pages that people visit. */
export const signIn = (url: PublicUrl) =>
  Layer.mergeAll(MetadataRoutes.layer(url), OAuthRoutes.layer(url), SignInRoutes.layer(url), AccountRoutes.layer(url))
