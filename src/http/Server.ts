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
  /** How long all goes on, but for the word that we are ready, once the server is to stop. */
  readonly shutdownDelay: Duration.Duration
  /** How long, after that, calls in flight may go on, and requests on open connections are served. */
  readonly shutdownGrace: Duration.Duration
}

/** How long clients have to take the answers to what was cancelled. */
const ANSWERING = Duration.millis(500)

/**
 * Says that we are not ready any more, and waits for whoever heeds that; takes no new connections, serves those that there
 * are, and lets what is in flight finish for a while; then ends all that is left.
 */
const drain = ({ shutdownDelay: delay, shutdownGrace: grace }: ServerOptions) =>
  Effect.gen(function* () {
    const draining = yield* Draining
    const proxy = yield* Proxy
    const listener = yield* Listener
    const flush = yield* Flush
    yield* listener.serving
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* draining.announce
        yield* listener.farewell
        if (Duration.isGreaterThan(delay, Duration.zero)) {
          yield* log.info(`Stopping in ${Duration.format(delay)} (MCP_SHUTDOWN_DELAY): not ready any more`)
          yield* Effect.sleep(delay)
        }
        yield* log.info("Stopping: no new connections are taken")
        yield* listener.stop
        yield* draining.begin
        // Once there are no connections, no call can come any more.
        const finished = yield* Effect.timeoutOption(Effect.andThen(listener.emptied, proxy.idle), grace)
        if (finished._tag === "None") {
          yield* log.warning(
            `Calls or connections were still busy after ${Duration.format(grace)} (MCP_SHUTDOWN_GRACE); they are cancelled`
          )
          yield* proxy.abort
          // What was cancelled is answered, and the answers are on their way.
          yield* Effect.timeoutOption(listener.emptied, ANSWERING)
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
  Layer.effectDiscard(drain(options)).pipe(Layer.provideMerge(served(options, more)))
