/** The HTTP server: everything that is served, and the orderly end of it. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerError from "effect/http/HttpServerError"
import type * as IpNetwork from "effect/net/IpNetwork"
import { Proxy } from "../gateway/Proxy.ts"
import { Flush } from "../observability/Flush.ts"
import { logger } from "../observability/Logging.ts"
import { Draining } from "./Draining.ts"
import { Listener } from "./Listener.ts"
import { notFound } from "./McpRoutes.ts"
import * as Routes from "./Routes.ts"

const log = logger("http")

export interface ServerOptions extends Routes.RouteOptions {
  /** Reverse proxies whose X-Forwarded-* headers are believed. */
  readonly trustedProxies: ReadonlyArray<IpNetwork.IpNetwork>
  /** How long calls in flight may go on once the server is to stop. */
  readonly shutdownGrace: Duration.Duration
}

/** Takes nothing new, lets what is in flight finish for a while, then ends every stream. */
const drain = (grace: Duration.Duration) =>
  Effect.gen(function* () {
    const draining = yield* Draining
    const proxy = yield* Proxy
    const listener = yield* Listener
    const flush = yield* Flush
    yield* listener.serving
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
        yield* Effect.all([listener.closed(Duration.seconds(1)), flush], { concurrency: "unbounded" })
      })
    )
  })

/** A path that the router cannot read is the sender's fault: it must not fill the log. */
const isNowhere = (cause: Cause.Cause<unknown>): boolean =>
  Option.exists(
    Cause.findErrorOption(cause),
    (error) => HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound"
  )

/** What nobody foresaw is ours to know, whatever the client is told. */
const logDefects = HttpRouter.middleware(
  (handled) =>
    Effect.tapCause(handled, (cause) =>
      Cause.hasInterruptsOnly(cause) || isNowhere(cause)
        ? Effect.void
        : log.error("A request failed unexpectedly", {}, cause)
    ),
  { global: true }
)

const QUIET = { disableLogger: true, disableListenLog: true } as const

/** The routes on the listening socket. Without trusted proxies no request pays for the question. */
const served = <E, R>(options: ServerOptions, more: Layer.Layer<never, E, R>) => {
  const all = Layer.mergeAll(Routes.layer(options), more, notFound, logDefects)
  const { trustedProxies } = options
  return trustedProxies.length === 0
    ? HttpRouter.serve(all, QUIET)
    : HttpRouter.serve(all, { ...QUIET, middleware: HttpMiddleware.xForwardedHeaders({ trustedProxies }) })
}

/** Serves, until its scope closes. `more`: further routes, such as those of sign-in. */
export const layer = <E, R>(options: ServerOptions, more: Layer.Layer<never, E, R>) =>
  Layer.effectDiscard(drain(options.shutdownGrace)).pipe(Layer.provideMerge(served(options, more)))
