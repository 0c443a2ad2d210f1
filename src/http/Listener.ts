/** The listening socket: waited for while it is busy, and given up before the calls in flight are. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { HttpServer } from "effect/http/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { logger } from "../observability/Logging.ts"
import * as SlowReaders from "./SlowReaders.ts"

const log = logger("http")

/** The address cannot be listened on. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  host: Schema.String,
  port: Schema.Finite,
  code: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    const where = `${this.host}:${this.port}`
    switch (this.code) {
      case "EADDRINUSE":
        return `Port ${this.port} is in use: another program listens on ${where}. Stop it, or set MCP_PORT to a free port.`
      case "EACCES":
        return `Port ${this.port} needs more rights than this user has. Set MCP_PORT to a port above 1023.`
      case "EADDRNOTAVAIL":
        return `This machine has no address ${this.host}. Set MCP_HOST to one that it has, or leave it unset.`
      default:
        return `Cannot listen on ${where}: ${this.reason}`
    }
  }
}

export class Listener extends Context.Service<
  Listener,
  {
    /** Says that requests are served from here on; those before are told to come back. */
    readonly serving: Effect.Effect<void>
    /** Takes no new connections any more. */
    readonly stop: Effect.Effect<void>
    /** Waits until the connections there are have closed, and closes those that have not by then. */
    readonly closed: (patience: Duration.Duration) => Effect.Effect<void>
  }
>()("mcp-proxy/http/Listener") {}

/** Longer than a reverse proxy keeps idle connections, so that it is never us who closes one under its request. */
const KEEP_ALIVE_MILLIS = 75_000

/** How often, and in all how long, a busy port is tried again. */
const BUSY = Schedule.spaced("500 millis").pipe(Schedule.upTo({ times: 20 }))

/** Listens. Where the port is busy that is said at once, and tried again for up to ten seconds if `wait` is set. */
export const layer = (options: {
  readonly host: string
  readonly port: number
  readonly wait: boolean
  /** How long a client may read nothing of what waits for it. */
  readonly stallTime: Duration.Duration
}) => {
  const { host, port, stallTime, wait } = options
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MILLIS })
  const comeBack = (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(503, { "retry-after": "1" }).end()
  }
  server.on("request", comeBack)
  let saidSo = false
  const listen = NodeHttpServer.make(() => server, { host, port, gracefulShutdownTimeout: "1 second" }).pipe(
    Effect.mapError(({ cause }) => {
      const { code = "", message } = cause as NodeJS.ErrnoException
      return new ListenError({ host, port, code, reason: message })
    }),
    Effect.tapError((error) => {
      if (error.code !== "EADDRINUSE" || saidSo || !wait) return Effect.void
      saidSo = true
      return log.warning(`${error.message} Trying again for 10 s.`)
    }),
    Effect.retry({ schedule: BUSY, while: ({ code }) => wait && code === "EADDRINUSE" })
  )
  const listener = Listener.of({
    serving: Effect.sync(() => void server.off("request", comeBack)),
    stop: Effect.sync(() => void server.close()),
    closed: (patience) =>
      Effect.callback<number>((resume) => {
        server.closeIdleConnections()
        server.getConnections((_, count) => resume(Effect.succeed(count)))
      }).pipe(
        Effect.repeat({ until: (count) => count === 0, schedule: Schedule.spaced("20 millis") }),
        Effect.timeoutOption(patience),
        Effect.andThen(Effect.sync(() => server.closeAllConnections()))
      )
  })
  return Layer.mergeAll(
    Layer.effect(HttpServer, listen),
    Layer.succeed(Listener, listener),
    Layer.effectDiscard(SlowReaders.watch(server, stallTime)),
    NodeHttpServer.layerHttpServices
  )
}
