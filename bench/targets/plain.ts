/** The server by itself, the limits, and a proxy made of the SDK: programs of the benchmark's own. */
import type { Programs } from "../build.ts"
import { accepts, freePort, launch, type Launched } from "../machine/Launch.ts"
import { ready, type Role, type Running, type Target, type Upstream } from "./Target.ts"

/** Runs a program that serves /mcp on a port and asks nobody who they are. */
export const serve = async (
  upstream: Upstream,
  command: (port: number) => { readonly args: ReadonlyArray<string>; readonly env?: Record<string, string> },
  options: { readonly sessions?: Running["sessions"]; readonly isReady?: (running: Running) => Promise<unknown> } = {}
): Promise<Running> => {
  const port = await freePort()
  const { args, env } = command(port)
  const launched: Launched = launch(process.execPath, args, env === undefined ? {} : { env })
  const running: Running = {
    pid: launched.pid,
    port,
    path: "/mcp",
    headers: {},
    sessions: options.sessions ?? "each",
    signal: launched.signal,
    output: launched.output,
    stop: launched.stop
  }
  try {
    await (options.isReady?.(running) ?? ready(launched, running, upstream))
  } catch (error) {
    await launched.stop()
    throw error
  }
  return running
}

const program = (
  name: string,
  role: Role,
  takes: Target["takes"],
  args: (port: number, upstream: Upstream) => ReadonlyArray<string>
): Target => ({
  name,
  role,
  takes,
  start: (upstream) => serve(upstream, (port) => ({ args: args(port, upstream) }))
})

/** The options that make one of our servers speak as an upstream is to speak. */
export const serverOptions = ({ answers, era }: Pick<Upstream, "answers" | "era">): ReadonlyArray<string> => [
  "--era",
  era,
  ...(answers === "stream" ? ["--stream"] : [])
]

export const plain = ({ path }: Programs): ReadonlyArray<Target> => [
  program(
    "floor: the server itself",
    "floor",
    () => true,
    (port, upstream) => [path("server-http"), "--port", String(port), ...serverOptions(upstream)]
  ),
  program(
    "limit: node:http → stdio, bytes spliced",
    "limit",
    ({ kind }) => kind === "stdio",
    (port, { command }) => [path("limit-stdio"), String(port), ...command]
  ),
  program(
    "limit: node:http → undici dispatch, bytes",
    "limit",
    ({ kind }) => kind === "http",
    (port, { url }) => [path("limit-http"), String(port), url]
  ),
  program(
    "SDK: Server + Client",
    "sdk",
    ({ era }) => era === "legacy",
    (port, { command, kind, url }) => [path("sdk-proxy"), String(port), kind, ...(kind === "stdio" ? command : [url])]
  )
]

/** What the platform costs that ours is built on: Effect's HTTP server, which gives each request back and asks nobody. */
export const effectEcho = ({ path }: Programs): Target => ({
  name: "floor: Effect's server, an echo",
  role: "floor",
  takes: ({ era, kind }) => kind === "stdio" && era === "legacy",
  start: (upstream) =>
    serve(upstream, (port) => ({ args: [path("effect-echo"), String(port)] }), {
      sessions: "none",
      isReady: ({ port }) => accepts(port)
    })
})
