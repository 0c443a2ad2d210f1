/** HTTP to upstream servers: undici's dispatch, one pool of kept-alive connections per origin. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type * as Undici from "undici"
import type { ByteBudget } from "../domain/ByteBudget.ts"
import * as Pieces from "../domain/Pieces.ts"
import { rememberingOf } from "../domain/Remembering.ts"
import { Buffers, MaxMessage } from "./Bounds.ts"
import { inherited } from "./ChildEnvironment.ts"
import { type AnswerRefused, ConnectionLost, MessageRefused, type TransportError } from "./Transport.ts"

export interface HttpRequest {
  readonly method: "GET" | "POST" | "DELETE"
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Pieces.Pieces
}

export interface ResponseHead {
  readonly status: number
  readonly header: (name: string) => string | undefined
}

/** Takes a response as it comes in; called in order. What `data` returns, if anything, ends the response as its failure. */
export interface ResponseSink {
  readonly head: (head: ResponseHead) => void
  readonly data: (chunk: Uint8Array) => AnswerRefused | undefined
}

/** Told once that a response has ended, or why it did not; of an exchange that is given up, nothing. */
export type Ended = (why: Cause.Cause<TransportError> | undefined) => void

/** Gives an exchange up, and closes its connection. Afterwards, and of one that has ended, it does nothing. */
export type Abort = () => void

const CONNECT_TIMEOUT = 10_000
/** What names a proxy for requests like ours. */
const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]
const MAX_REDIRECTS = 3
const REDIRECTS = new Set([301, 302, 307, 308])

/** `started`: a connection was had, and the request was begun to be written on it. Before that the server saw nothing. */
const describe = (error: Error, url: URL, started: boolean): ConnectionLost => {
  const { code } = error as NodeJS.ErrnoException
  const reason = `${url.origin} ${code === undefined ? error.message : `${code}: ${error.message}`}`
  return new ConnectionLost({ reason, unsent: !started, ending: started ? "ended" : "unreachable" })
}

/** Where a request goes, as undici has it; of a URL it is read once. */
const placeOf = rememberingOf(({ origin, pathname, search }: URL) => ({ origin, path: `${pathname}${search}` }))

/** One request on the wire. Of a redirect `ended` is told where it leads, and the sink nothing. */
const dispatch = (
  dispatcher: Undici.Dispatcher,
  request: HttpRequest,
  sink: ResponseSink,
  ended: (location: string | undefined, why: Cause.Cause<TransportError> | undefined) => void
): Abort => {
  const { origin, path } = placeOf(request.url)
  let controller: Undici.Dispatcher.DispatchController | undefined
  let location: string | undefined
  let isOver = false
  const end = (why?: TransportError): void => {
    if (isOver) return
    isOver = true
    ended(location, why === undefined ? undefined : Cause.fail(why))
  }
  dispatcher.dispatch(
    {
      origin,
      path,
      method: request.method,
      headers: request.headers,
      body: request.body === undefined ? null : Pieces.join(request.body)
    },
    {
      onRequestStart: (started) => {
        controller = started
        if (isOver) started.abort(new Error("no longer wanted"))
      },
      onResponseStart: (_, status, headers) => {
        const header = (name: string): string | undefined => {
          const value = headers[name]
          return Array.isArray(value) ? value[0] : value
        }
        if (REDIRECTS.has(status)) location = header("location") ?? ""
        else sink.head({ status, header })
      },
      onResponseData: (current, chunk) => {
        const refused = location === undefined ? sink.data(chunk) : undefined
        if (refused === undefined) return
        end(refused)
        current.abort(refused)
      },
      onResponseEnd: () => end(),
      onResponseError: (_, error) => end(describe(error, request.url, controller !== undefined))
    }
  )
  return () => {
    isOver = true
    controller?.abort(new Error("no longer wanted"))
  }
}

/** Follows redirects within the origin. Elsewhere our headers, which may hold a credential, do not go. */
const follow = (
  dispatcher: Undici.Dispatcher,
  request: HttpRequest,
  sink: ResponseSink,
  ended: Ended,
  hops = 0
): Abort => {
  const refuse = (reason: string): void => ended(Cause.fail(new MessageRefused({ reason })))
  let abort = dispatch(dispatcher, request, sink, (location, why) => {
    if (location === undefined || why !== undefined) return ended(why)
    const target = URL.canParse(location, request.url.href) ? new URL(location, request.url) : undefined
    if (target === undefined || target.origin !== request.url.origin) {
      const where = target === undefined ? "nowhere" : target.origin
      return refuse(`it redirects to ${where}; give that address as the url if it is right`)
    }
    if (hops >= MAX_REDIRECTS) return refuse("it redirects in a circle")
    abort = follow(dispatcher, { ...request, url: target }, sink, ended, hops + 1)
  })
  return () => abort()
}

export class HttpAgent extends Context.Service<
  HttpAgent,
  {
    /** Sends a request. It may have ended when this returns. */
    readonly begin: (request: HttpRequest, sink: ResponseSink, ended: Ended) => Abort
    /** The largest answer, and what it is counted towards while it comes in. */
    readonly maxMessage: number
    readonly buffers: ByteBudget
  }
>()("mcp-proxy/upstream/HttpAgent") {
  static readonly layer: Layer.Layer<HttpAgent> = Layer.effect(
    HttpAgent,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const environment = yield* inherited
      const isProxied = PROXIES.some((name) => environment[name] !== undefined)
      const runFork = Effect.runForkWith(yield* Effect.context<never>())
      let known: Undici.Dispatcher | undefined
      // Imported with the first remote server: it needs a newer platform than this program's launcher.
      const dispatcher = yield* Effect.promise(() => import("undici")).pipe(
        Effect.flatMap(({ Agent, EnvHttpProxyAgent }) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              const options = { bodyTimeout: 0, headersTimeout: 0, connect: { timeout: CONNECT_TIMEOUT } }
              // This one looks at the environment again with each request.
              return isProxied ? new EnvHttpProxyAgent(options) : new Agent(options)
            }),
            (agent) => Effect.promise(() => agent.destroy())
          )
        ),
        Effect.tap((made) => Effect.sync(() => (known = made))),
        Scope.provide(scope),
        Effect.uninterruptible,
        Effect.cached
      )
      return HttpAgent.of({
        maxMessage: yield* MaxMessage,
        buffers: yield* Buffers,
        begin: (request, sink, ended) => {
          if (known !== undefined) return follow(known, request, sink, ended)
          let abort = () => fiber.interruptUnsafe()
          let isWanted = true
          const fiber = runFork(dispatcher)
          fiber.addObserver((exit) => {
            if (!isWanted) return
            if (Exit.isSuccess(exit)) abort = follow(exit.value, request, sink, ended)
            else ended(exit.cause)
          })
          return () => {
            isWanted = false
            abort()
          }
        }
      })
    })
  )
}
