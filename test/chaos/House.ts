/** The proxy of a run, under a socket that outlives it: one process after another, and the configuration of the moment. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ProxyOptions, readyProxy, type RunningProxy } from "../integration/harness.ts"
import { holdSocket } from "../integration/heldSocket.ts"
import { begin, messageOf, eventsOf, post, send, toolCall } from "../integration/wire.ts"
import type { Server } from "./Estate.ts"
import * as Estate from "./Estate.ts"
import type { Given } from "./fixture/Counted.ts"

/** What a tool said. */
export interface Said {
  readonly tag: string | undefined
  readonly pid: number | undefined
  /** How many notifications of progress came before it. */
  readonly steps: number
  readonly error: { readonly code: number; readonly message: string } | undefined
}

export interface House {
  readonly port: number
  readonly proxy: () => RunningProxy
  /** Everything that all its processes have printed. */
  readonly output: () => string
  /** Ends the process with that signal and starts the next. How the former ended. */
  readonly replace: (signal: NodeJS.Signals) => Effect.Effect<number | NodeJS.Signals, never, Scope.Scope>
  /** Writes the configuration as changed, and leaves it to others to have it read. */
  readonly configure: (change: (configuration: Configuration) => void) => Effect.Effect<void>
  readonly reload: Effect.Effect<void>
  /** When the configuration in force was read, in epoch milliseconds; NaN where that is not known. */
  readonly loadedAt: Effect.Effect<number>
  /** A call of our own, of which the ledger knows nothing. */
  readonly call: (server: Server, tool: string, given?: Omit<Given, "tag">) => Effect.Effect<Said>
}

/** What changes in it. */
export interface Configuration {
  readonly forms: Map<string, number>
  isReversed: boolean
  hasSpare: boolean
}

export interface HouseOptions {
  readonly servers: ReadonlyArray<Server>
  readonly folder: string
  readonly marker: string
  /** Another entry than the program's own, and what it is told. */
  readonly entry?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Longer than any call here may take. */
const CALL_MILLIS = 30_000

const failed = (message: string): Said => ({ tag: undefined, pid: undefined, steps: 0, error: { code: 0, message } })

const ENV = { MCP_LIVE_RELOAD: "true", MCP_SHUTDOWN_GRACE: "10 s" }

export const open = Effect.fnUntraced(function* (options: HouseOptions) {
  const { folder, marker, servers } = options
  const socket = yield* holdSocket("127.0.0.1")
  const configuration: Configuration = { forms: new Map(), isReversed: false, hasSpare: false }
  const config = () => {
    const entries = servers.map(({ entry, name }) => [name, entry(configuration.forms.get(name) ?? 0)] as const)
    if (configuration.isReversed) entries.reverse()
    const spare = configuration.hasSpare ? { spare: Estate.spare(folder) } : {}
    return { mcpServers: { ...Object.fromEntries(entries), ...spare }, gateway: { naming: "always" } }
  }
  const next = () => {
    const proxyOptions: ProxyOptions = {
      config: config(),
      folder,
      marker,
      ...socket.handOver,
      env: { ...ENV, ...socket.handOver.env, ...options.env },
      ...(options.entry === undefined ? {} : { entry: options.entry })
    }
    return readyProxy(proxyOptions)
  }
  let proxy = yield* next()
  let before = ""
  let calls = 0
  const url = `http://localhost:${socket.port}/mcp`
  const session = yield* begin(url)
  const house: House = {
    port: socket.port,
    proxy: () => proxy,
    output: () => before + proxy.output(),
    replace: Effect.fnUntraced(function* (signal) {
      yield* proxy.signal(signal)
      const ending = yield* proxy.exited
      before += proxy.output()
      proxy = yield* next()
      return ending
    }),
    configure: (change) =>
      Effect.suspend(() => {
        change(configuration)
        return proxy.configure(config())
      }),
    reload: Effect.asVoid(send(`http://localhost:${socket.port}/admin/reload`, { method: "POST" })),
    loadedAt: Effect.map(send(`http://localhost:${socket.port}/ready`), ({ status, text }) => {
      if (status !== 200) return Number.NaN
      const { configuration } = JSON.parse(text) as { readonly configuration?: { readonly loadedAt: number } }
      return configuration?.loadedAt ?? Number.NaN
    }),
    call: (server, tool, given = {}) =>
      post(url, toolCall(`${server.name}_${tool}`, { ...given, tag: `control-${++calls}` }), session).pipe(
        Effect.map((answer): Said => {
          if (answer.status === 0) return failed(answer.text)
          const { error, result } = messageOf(answer) as {
            readonly error?: Said["error"]
            readonly result?: { readonly content?: ReadonlyArray<{ readonly text?: string }> }
          }
          const text = JSON.parse(result?.content?.[0]?.text ?? "{}") as {
            readonly tag?: string
            readonly pid?: number
          }
          const steps = eventsOf(answer.text).filter(({ data }) => data.includes("notifications/progress")).length
          return { tag: text.tag, pid: text.pid, steps, error }
        }),
        Effect.timeoutOrElse({
          duration: CALL_MILLIS,
          orElse: () => Effect.succeed(failed(`no answer within ${CALL_MILLIS} ms`))
        })
      )
  }
  return house
})
