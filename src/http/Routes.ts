/** Everything that is served over HTTP, for a router of ours or of an embedding program. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import { CODE } from "../domain/Protocol.ts"
import { Address } from "./Address.ts"
import * as Guard from "./Guard.ts"
import { HealthApi } from "./HealthApi.ts"
import * as HealthRoutes from "./HealthRoutes.ts"
import * as HomeRoutes from "./HomeRoutes.ts"
import * as McpRoutes from "./McpRoutes.ts"
import { refuse } from "./Responses.ts"

/** Whom the routes serve beside those whom the address itself lets in. */
export interface RouteOptions {
  readonly allowedHosts: ReadonlyArray<string>
  readonly allowedOrigins: ReadonlyArray<string>
}

/** Liveness is asked for by machines that call us whatever they like. */
const isHealth = (url: string): boolean => /\/health(\?|$)/u.test(url)

/** Refuses requests whose Host or Origin is not one of ours; for the routes that it is provided to. */
const guard = ({ allowedHosts, allowedOrigins }: RouteOptions) =>
  HttpRouter.middleware(
    Effect.map(
      Address,
      ({ baseUrl, host }) =>
        (handled) =>
          Effect.flatMap(HttpServerRequest, (request) => {
            if (isHealth(request.originalUrl)) return handled
            const { headers } = request
            const verdict = Guard.check(headers["host"], headers["origin"], {
              host,
              baseUrl,
              allowedHosts,
              allowedOrigins
            })
            return verdict._tag === "Allowed"
              ? handled
              : Effect.succeed(refuse(403, CODE.invalidRequest, verdict.reason))
          })
    )
  ).layer

const health = HttpApiBuilder.layer(HealthApi).pipe(Layer.provide(HealthRoutes.layer))

/** Health is asked for at the root by those who do not know the prefix, and does not tell it. */
const healthRoutes = Layer.unwrap(
  Effect.map(Address, ({ pathPrefix }) => {
    if (pathPrefix === "") return health
    const below = Layer.effect(
      HttpRouter.HttpRouter,
      Effect.map(HttpRouter.HttpRouter, (router) => router.prefixed(pathPrefix))
    )
    return Layer.merge(health, Layer.fresh(health).pipe(Layer.provide(below)))
  })
)

/** `/mcp`, `/mcp/{server}`, `/health`, `/ready` and the page at the root, below the address's prefix. */
export const layer = (options: RouteOptions) =>
  Layer.mergeAll(McpRoutes.layer, HomeRoutes.layer, healthRoutes).pipe(Layer.provide(guard(options)))
