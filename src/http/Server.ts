/** Everything that is served over HTTP, and the orderly end of it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type * as IpNetwork from "effect/net/IpNetwork"
import { CODE } from "../domain/Protocol.ts"
import { Proxy } from "../gateway/Proxy.ts"
import { logger } from "../observability/Logging.ts"
import { Address } from "./Address.ts"
import { Draining } from "./Draining.ts"
import * as Guard from "./Guard.ts"
import { HealthApi } from "./HealthApi.ts"
import * as HealthRoutes from "./HealthRoutes.ts"
import * as HomeRoutes from "./HomeRoutes.ts"
import { Listener } from "./Listener.ts"
import * as McpRoutes from "./McpRoutes.ts"
import { refuse } from "./Responses.ts"

const log = logger("http")

export interface ServerOptions {
  readonly allowedHosts: ReadonlyArray<string>
  readonly allowedOrigins: ReadonlyArray<string>
  readonly trustedProxies: ReadonlyArray<IpNetwork.IpNetwork>
  readonly shutdownGrace: Duration.Duration
}

/** Liveness is asked for by machines that call us whatever they like. */
const isHealth = (url: string): boolean => /\/health(\?|$)/u.test(url)

const guard = (options: ServerOptions) =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const { baseUrl, host } = yield* Address
      const guardOptions = { host, baseUrl, ...options }
      yield* router.addGlobalMiddleware((handled) =>
        Effect.flatMap(HttpServerRequest, (request) => {
          if (isHealth(request.originalUrl)) return handled
          const verdict = Guard.check(request.headers["host"], request.headers["origin"], guardOptions)
          return verdict._tag === "Allowed" ? handled : Effect.succeed(refuse(403, CODE.invalidRequest, verdict.reason))
        })
      )
    })
  )

/** Health is asked for at the root by those who do not know the prefix, and does not tell it. */
const healthRoutes = Layer.unwrap(
  Effect.map(Address, ({ pathPrefix }) => {
    const atRoot = HttpApiBuilder.layer(HealthApi)
    return pathPrefix === ""
      ? atRoot
      : Layer.merge(atRoot, HttpApiBuilder.layer(HealthApi.prefix(pathPrefix as `/${string}`)))
  })
).pipe(Layer.provide(HealthRoutes.layer))

/** All routes, for a router of the embedding program's or our own. */
export const routes = (options: ServerOptions) =>
  Layer.mergeAll(McpRoutes.layer, HomeRoutes.layer, healthRoutes, McpRoutes.notFound).pipe(
    Layer.provideMerge(guard(options))
  )

/** Takes nothing new, lets what is in flight finish for a while, then ends every stream. */
const drain = (grace: Duration.Duration) =>
  Effect.gen(function* () {
    const draining = yield* Draining
    const proxy = yield* Proxy
    const listener = yield* Listener
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* log.info("Stopping: no new calls are taken")
        yield* draining.begin
        yield* listener.stop
        const finished = yield* Effect.timeoutOption(proxy.idle, grace)
        if (finished._tag === "None") {
          yield* log.warning(
            `Calls were still running after ${Duration.format(grace)} (MCP_SHUTDOWN_GRACE); they are cancelled`
          )
          yield* proxy.abort
        }
        yield* draining.end
        yield* listener.closed(Duration.seconds(1))
      })
    )
  })

/** Serves, until its scope closes. */
export const layer = (options: ServerOptions) =>
  Layer.effectDiscard(drain(options.shutdownGrace)).pipe(
    Layer.provideMerge(
      HttpRouter.serve(routes(options), {
        disableLogger: true,
        disableListenLog: true,
        ...(options.trustedProxies.length === 0
          ? {}
          : { middleware: HttpMiddleware.xForwardedHeaders({ trustedProxies: options.trustedProxies }) })
      })
    )
  )
