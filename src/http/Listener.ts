/** The listening socket: waited for while it is busy, listened on anew if it is lost, and given up before the connections are. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as HttpServer from "effect/http/HttpServer"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Server as NetServer } from "node:net"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"
import { Connections } from "./Connections.ts"
import type { Direct } from "./DirectPath.ts"
import * as SlowReaders from "./SlowReaders.ts"
import { type HandedSocket, show } from "./SocketActivation.ts"

const log = logger("http")

/** The address cannot be listened on. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  host: Schema.String,
  /** 0 for a socket that was handed over, which `host` describes. */
  port: Schema.Finite,
  code: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    const where = this.port === 0 ? this.host : `${this.host}:${this.port}`
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
    /**
     * Said once there is something to serve. Requests before that are told to come back; on a socket that was handed over
     * they wait in the kernel's queue.
     */
    readonly serving: Effect.Effect<void, ListenError>
    /** Who looks at a request before it is anybody else's, as long as the scope lives. */
    readonly direct: (first: Direct) => Effect.Effect<void, never, Scope.Scope>
    /** From now on every response asks its client to close the connection. */
    readonly farewell: Effect.Effect<void>
    /** Takes no new connections any more. */
    readonly stop: Effect.Effect<void>
    /** Waits until the connections there are have closed, of which it closes those that are idle. */
    readonly emptied: Effect.Effect<void>
    /** The same, for so long; those that are left then are closed whatever they are doing. */
    readonly closed: (patience: Duration.Duration) => Effect.Effect<void>
  }
>()("mcp-proxy/http/Listener") {}

/** Where to listen. */
export type Place =
  /** Where the port is busy that is said at once, and tried again for up to ten seconds if `wait` is set. */
  | { readonly _tag: "Address"; readonly host: string; readonly port: number; readonly wait: boolean }
  | { readonly _tag: "Handed"; readonly socket: HandedSocket }

const TIMES = {
  /** Longer than a reverse proxy keeps idle connections, so that it is never us who closes one under its request. */
  keepAliveTimeout: 75_000,
  /** A client that is still writing its headers by then is none, or wants to keep us busy; so of the whole request. */
  headersTimeout: 20_000,
  requestTimeout: 300_000,
  /** How often those two are looked at. */
  connectionsCheckingInterval: 5000,
  /** A peer that is gone without a word is noticed by the system, also while there is nothing to send to it. */
  keepAlive: true,
  keepAliveInitialDelay: 60_000
}

/** Where others wait in the kernel's queue it is worth a second that the last ones leave by themselves. */
const PATIENCE = {
  Address: { used: Duration.millis(50), fresh: Duration.seconds(2) },
  Handed: { used: Duration.seconds(1), fresh: Duration.seconds(2) }
}

/** How often, and in all how long, a busy port is tried again. */
const BUSY = Schedule.spaced("500 millis").pipe(Schedule.upTo({ times: 20 }))

/** After these the socket itself is of no use; any other error is about one connection, or passes (accept(2)). */
const FATAL = new Set(["EBADF", "EFAULT", "EINVAL", "ENOTSOCK", "EOPNOTSUPP"])

const TOO_MANY = new Set(["EMFILE", "ENFILE"])

/** How often it is said that connections cannot be taken. */
const SAY_EVERY_MILLIS = 10_000

/** Says of connections that could not be taken why, now and then. */
const complaints = () => {
  let saidAt = -Infinity
  return ({ code = "", message }: NodeJS.ErrnoException): Effect.Effect<void> => {
    const now = performance.now()
    if (now - saidAt < SAY_EVERY_MILLIS) return Effect.void
    saidAt = now
    const remedy = TOO_MANY.has(code) ? ". Let this process have more files open (ulimit -n, LimitNOFILE=)" : ""
    return log.warning(`A connection could not be taken: ${message}${remedy}`)
  }
}

type ListenOptions = { readonly host: string; readonly port: number } | { readonly fd: number }

const listenOnce = (server: Server, options: ListenOptions, failed: (error: NodeJS.ErrnoException) => ListenError) =>
  Effect.callback<void, ListenError>((resume) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      server.off("listening", onListening)
      resume(Effect.fail(failed(error)))
    }
    const onListening = (): void => {
      server.off("error", onError)
      resume(Effect.void)
    }
    server.once("error", onError).once("listening", onListening).listen(options)
    return Effect.sync(() => void server.off("error", onError).off("listening", onListening))
  })

/** Takes no connections any more, and leaves those that there are alone; `http.Server` would close the idle ones. */
const giveUp = (server: Server): void => {
  if (server.listening) NetServer.prototype.close.call(server)
}

const addressOf = (server: Server, place: Place): NetAddress.SocketAddress => {
  const bound = server.address()
  if (bound !== null && typeof bound === "object") {
    return NetAddress.inetAddressFromIpStringUnsafe(bound.address, bound.port)
  }
  if (place._tag === "Address") return NetAddress.inetAddressFromIpStringUnsafe(place.host, place.port)
  const { address } = place.socket
  return address._tag === "Unix"
    ? NetAddress.unixPathAddress(address.path)
    : NetAddress.inetAddressFromIpStringUnsafe(address.host, address.port)
}

const PART = "The listening socket"

/** How often it is looked whether the socket is still there. */
const LOOK = Duration.seconds(1)

class SocketClosed extends Schema.TaggedError<SocketClosed>()("SocketClosed", {}) {
  override get message(): string {
    return "it was closed, and nobody had wished that"
  }
}

/** Listens: on an address at once, on a socket that was handed over when there is something to serve. */
const make = Effect.fnUntraced(function* (place: Place, stallTime: Duration.Duration, times: Partial<typeof TIMES>) {
  const scope = yield* Effect.scope
  const server = createServer({ ...TIMES, ...times })
  const connections = new Connections(server, PATIENCE[place._tag])
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const complain = complaints()
  let isStopped = false
  let saidBusy = false

  const comeBack = (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(503, { "retry-after": "1" }).end()
  }
  server.on("request", comeBack)
  server.on("error", (error: NodeJS.ErrnoException) => {
    // While it does not listen, whoever would have it listen hears of the error.
    if (!server.listening) return
    if (FATAL.has(error.code ?? "")) giveUp(server)
    else runFork(complain(error))
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isStopped = true
      server.close()
      server.closeAllConnections()
    })
  )

  yield* SlowReaders.watch(connections.sockets, stallTime)

  const where = place._tag === "Address" ? place : { host: show(place.socket), port: 0 }
  const listen = listenOnce(
    server,
    place._tag === "Address" ? { host: place.host, port: place.port } : { fd: place.socket.fd },
    ({ code = "", message }) => new ListenError({ host: where.host, port: where.port, code, reason: message })
  )
  const listenPatiently = listen.pipe(
    Effect.tapError((error) => {
      if (error.code !== "EADDRINUSE" || saidBusy || place._tag === "Handed" || !place.wait) return Effect.void
      saidBusy = true
      return log.warning(`${error.message} Trying again for 10 s.`)
    }),
    Effect.retry({
      schedule: BUSY,
      while: ({ code }) => place._tag === "Address" && place.wait && code === "EADDRINUSE"
    })
  )
  if (place._tag === "Address") yield* listenPatiently

  const listenAgain = Effect.suspend(() =>
    place._tag === "Address"
      ? Effect.andThen(listen, log.info(`Listening on ${where.host}:${where.port} again`))
      : // Closed is closed; who holds the other end of it starts us anew.
        Vital.lose(
          new Vital.PartLost({ part: PART, attempts: 0, reason: "it was handed over, and cannot be had again" })
        )
  )
  const keep = Effect.gen(function* () {
    if (!server.listening && !isStopped) yield* listenAgain
    yield* Effect.repeat(Effect.sleep(LOOK), { while: () => server.listening || isStopped })
    return yield* new SocketClosed()
  })

  const serving = Effect.gen(function* () {
    if (place._tag === "Handed") yield* listen
    yield* Scope.provide(Vital.fork(PART, keep), scope)
  })

  let direct: Direct | undefined
  const listener = Listener.of({
    serving,
    direct: (first) =>
      Effect.acquireRelease(
        Effect.sync(() => (direct = first)),
        () => Effect.sync(() => (direct = undefined))
      ),
    farewell: Effect.sync(() => connections.sayFarewell()),
    stop: Effect.sync(() => {
      isStopped = true
      giveUp(server)
    }),
    emptied: connections.emptied,
    closed: (patience) =>
      Effect.andThen(
        Effect.timeoutOption(connections.emptied, patience),
        Effect.sync(() => server.closeAllConnections())
      )
  })

  const httpServer = HttpServer.make({
    address: addressOf(server, place),
    serve: Effect.fnUntraced(function* (httpApp, middleware) {
      const serveScope = yield* Effect.scope
      const handler = yield* NodeHttpServer.makeHandler(httpApp, {
        scope: Scope.forkUnsafe(serveScope, "parallel"),
        ...(middleware === undefined ? {} : { middleware: middleware as never })
      })
      const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
        if (direct?.(incoming, outgoing) !== true) handler(incoming, outgoing)
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => void server.off("request", onRequest)))
      server.off("request", comeBack).on("request", onRequest)
    }) as HttpServer.HttpServer["Service"]["serve"]
  })
  return Context.make(Listener, listener).pipe(Context.add(HttpServer.HttpServer, httpServer))
})

/**
 * Takes the place, where it can be had. A client may read nothing of what waits for it for `stallTime`. `times` are for who
 * will not wait that long.
 */
export const layer = (place: Place, stallTime: Duration.Duration, times: Partial<typeof TIMES> = {}) =>
  Layer.merge(Layer.effectContext(make(place, stallTime, times)), NodeHttpServer.layerHttpServices)
