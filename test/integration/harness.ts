/** A real proxy in a process of its own, with a folder, a port and a marker of its own. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { randomInt, randomUUID } from "node:crypto"

/** The project's root, wherever the tests are started. */
export const projectRoot = resolve(import.meta.dirname, "../..")

/** The bundle that the global setup has built. */
export const bundle = join(projectRoot, "dist/main.js")

/** The path of a fixture, to be run with `process.execPath`. */
export const fixture = (name: string): string => join(projectRoot, "test/fixtures", name)

/** What a configuration says to run the stdio server that misbehaves on request. */
export const rawStdio = (...args: ReadonlyArray<string>) => ({
  command: process.execPath,
  args: [fixture("raw-stdio.ts"), ...args]
})

/** The environment variable by which processes of one test are known. */
export const MARKER = "MCP_PROXY_TEST_MARKER"

/** Where processes find what others have compiled, if there is such a place. */
export const compileCache: Readonly<Record<string, string>> =
  process.env["NODE_COMPILE_CACHE"] === undefined ? {} : { NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] }

export interface ProxyOptions {
  /** The content of mcp_config.json: an object, or text as it stands. */
  readonly config: { readonly mcpServers: Record<string, Record<string, unknown>>; readonly gateway?: unknown } | string
  readonly env?: Readonly<Record<string, string>>
  /** What is run in place of the bundle. */
  readonly entry?: string
  readonly args?: ReadonlyArray<string>
  /** The Node that runs it; the tests' own by default. */
  readonly node?: string
  /** A command that starts it: `["prlimit", "--fsize=1000"]`. */
  readonly through?: ReadonlyArray<string>
  /** Descriptors of the test's own that it inherits, from 3 on. */
  readonly descriptors?: ReadonlyArray<number>
  /** What else has to be in its folder when it starts. */
  readonly prepare?: (folder: string) => void
  /** Keep the folder (data, configuration) of an earlier proxy. */
  readonly folder?: string
  readonly port?: number
  /** By which its processes are known, where several runs of it are to be known by the same. */
  readonly marker?: string
}

export interface RunningProxy {
  readonly pid: number
  readonly port: number
  /** The merged endpoint. */
  readonly url: string
  readonly folder: string
  readonly marker: string
  /** Everything it has printed so far, standard output and error. */
  readonly output: () => string
  /** Waits until it has printed something that matches; fails with its output after so long. */
  readonly printed: (pattern: RegExp, millis?: number) => Effect.Effect<RegExpMatchArray>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Replaces its configuration file as editors do: another file takes its name. */
  readonly configure: (config: ProxyOptions["config"]) => Effect.Effect<void>
  /** Waits for its end; the exit code, or the signal's name. */
  readonly exited: Effect.Effect<number | NodeJS.Signals>
}

/** Below the ports that systems give to connections, so that none is taken between the search and its use. */
const PORTS = { from: 10_000, each: 1000, slices: 20 }

/**
 * The ports of this process of the tests' own: others look for theirs elsewhere, and those who should have the same ones begin
 * at another, for a port that is free may be taken by the time that its proxy has started.
 */
const slice = PORTS.from + (process.pid % PORTS.slices) * PORTS.each
let lastPort = randomInt(PORTS.each)

const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(true))))
  })

/** A port that is free. */
export const freePort: Effect.Effect<number> = Effect.suspend(() => {
  const port = slice + (lastPort++ % PORTS.each)
  return Effect.flatMap(isFree(port), (free) => (free ? Effect.succeed(port) : freePort))
})

/** The processes that carry a marker in their environment, zombies excepted: what a test has left behind. */
export const survivors = (marker: string): ReadonlyArray<{ readonly pid: number; readonly command: string }> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, "utf8")
        const state = /^State:\s+(\S)/mu.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1]
        if (!environment.split("\0").includes(`${MARKER}=${marker}`) || state === "Z") return []
        return [{ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ") }]
      } catch {
        return []
      }
    })

/** The children of a process, also those that carry no marker, as the sidecar. */
export const childrenOf = (pid: number): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .flatMap((name) => {
      try {
        // The name of the program, in parentheses, may hold anything.
        const [, parent] = /\) \S (\d+) /u.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? []
        return Number(parent) === pid ? [Number(name)] : []
      } catch {
        return []
      }
    })

/** Is there still such a process, dead ones that nobody has collected yet excepted? */
export const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

/** Waits until a condition holds, looking every 20 ms; fails after so long. */
export const eventually = (what: string, holds: () => boolean, millis = 10_000): Effect.Effect<void> =>
  Effect.suspend(() =>
    holds() ? Effect.void : Effect.andThen(Effect.sleep(20), eventually(what, holds, millis))
  ).pipe(
    Effect.timeoutOrElse({
      duration: millis,
      orElse: () => Effect.die(new Error(`still not so after ${millis} ms: ${what}`))
    })
  )

/** Waits until no process with this marker is left. */
export const nobodyLeft = (marker: string, millis = 10_000): Effect.Effect<void> =>
  eventually("no process is left", () => survivors(marker).length === 0, millis).pipe(
    Effect.catchCause(() => Effect.die(new Error(`left behind: ${JSON.stringify(survivors(marker))}`)))
  )

/** What every stdio server of the configuration is given, for servers inherit next to nothing of our environment. */
const marked = (config: Exclude<ProxyOptions["config"], string>, marker: string): string =>
  JSON.stringify({
    ...config,
    mcpServers: Object.fromEntries(
      Object.entries(config.mcpServers).map(([name, entry]) => [
        name,
        entry["command"] === undefined
          ? entry
          : { ...entry, env: { ...compileCache, ...(entry["env"] as object | undefined), [MARKER]: marker } }
      ])
    )
  })

const kill = (child: ChildProcess, signal: NodeJS.Signals): void => {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal)
}

/** Starts a proxy without waiting for anything. It is killed when the scope closes, if it still runs. */
export const startProxy = (options: ProxyOptions): Effect.Effect<RunningProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const marker = options.marker ?? randomUUID()
    const port = options.port ?? (yield* freePort)
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), "mcp-proxy-test-"))
    mkdirSync(folder, { recursive: true })
    const configure = (config: ProxyOptions["config"]): void => {
      const file = join(folder, "mcp_config.json")
      writeFileSync(`${file}.new`, typeof config === "string" ? config : marked(config, marker))
      renameSync(`${file}.new`, file)
    }
    configure(options.config)
    options.prepare?.(folder)
    let output = ""
    const waiting = new Set<() => void>()
    const exit = Deferred.makeUnsafe<number | NodeJS.Signals>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const [command = "", ...args] = [
          ...(options.through ?? []),
          options.node ?? process.execPath,
          options.entry ?? bundle,
          ...(options.args ?? [])
        ]
        const spawned = spawn(command, args, {
          cwd: folder,
          stdio: ["ignore", "pipe", "pipe", ...(options.descriptors ?? [])],
          env: {
            PATH: process.env["PATH"],
            HOME: folder,
            ...compileCache,
            MCP_AUTH_PROVIDER: "none",
            MCP_LOG_FORMAT: "pretty",
            MCP_PORT: String(port),
            MCP_SHUTDOWN_GRACE: "1",
            [MARKER]: marker,
            ...options.env
          }
        })
        const take = (chunk: Buffer): void => {
          output += chunk.toString()
          for (const look of waiting) look()
        }
        spawned.stdout?.on("data", take)
        spawned.stderr?.on("data", take)
        spawned.on("close", (code, signal) => {
          Deferred.doneUnsafe(exit, Effect.succeed(signal ?? code ?? -1))
          for (const look of waiting) look()
        })
        return spawned
      }),
      (running) =>
        Effect.gen(function* () {
          kill(running, "SIGTERM")
          const ended = yield* Effect.timeoutOption(Deferred.await(exit), "15 seconds")
          if (ended._tag === "None") kill(running, "SIGKILL")
          if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
        })
    )
    const printed = (pattern: RegExp, millis = 20_000) =>
      Effect.callback<RegExpMatchArray>((resume) => {
        const look = (): void => {
          const match = pattern.exec(output)
          if (match !== null) resume(Effect.succeed(match))
          else if (child.exitCode !== null)
            resume(Effect.die(new Error(`it ended without printing ${pattern}:\n${output}`)))
        }
        waiting.add(look)
        look()
        return Effect.sync(() => waiting.delete(look))
      }).pipe(
        Effect.timeoutOrElse({
          duration: millis,
          orElse: () => Effect.die(new Error(`it has not printed ${pattern}:\n${output}`))
        })
      )
    return {
      pid: child.pid ?? -1,
      port,
      url: `http://localhost:${port}/mcp`,
      folder,
      marker,
      output: () => output,
      printed,
      signal: (signal) => Effect.sync(() => kill(child, signal)),
      configure: (config) => Effect.sync(() => configure(config)),
      exited: Deferred.await(exit)
    }
  })

/** Starts a proxy and waits until every server of it has been tried. */
export const readyProxy = (options: ProxyOptions): Effect.Effect<RunningProxy, never, Scope.Scope> =>
  Effect.tap(startProxy(options), (proxy) => proxy.printed(/\d+ of \d+ servers are ready/u))
