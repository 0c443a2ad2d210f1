/** The counting servers of a run: what the configuration says of them, their processes, and what they wrote down. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { eventually, freePort, MARKER, projectRoot } from "../integration/harness.ts"
import { type Era, journals } from "./fixture/Counted.ts"
import type { Execution } from "./Ledger.ts"
import * as Relay from "./Relay.ts"

const PROGRAM = join(projectRoot, "test/chaos/fixture/server.ts")

interface Kind {
  readonly name: string
  readonly transport: "stdio" | "http" | "sse"
  readonly era: Era
  /** What its entry says beyond that. */
  readonly more: object
}

/** Of all transports, eras and isolations. */
const KINDS: ReadonlyArray<Kind> = [
  { name: "pipe", transport: "stdio", era: "legacy", more: {} },
  { name: "repeating", transport: "stdio", era: "legacy", more: { retryIdempotent: true } },
  { name: "modern", transport: "stdio", era: "modern", more: {} },
  { name: "web", transport: "http", era: "legacy", more: { isolation: "session" } },
  { name: "common", transport: "http", era: "legacy", more: { isolation: "shared", retryIdempotent: true } },
  { name: "stateless", transport: "http", era: "modern", more: { isolation: "user" } },
  { name: "older", transport: "sse", era: "legacy", more: { isolation: "session" } },
  { name: "olderCommon", transport: "sse", era: "legacy", more: { isolation: "shared" } }
]

/** The longest wait before a restart, a fifth more by chance, and time to start. */
export const RESTART = { maxMillis: 1000, settleMillis: 2000 }

/** So short that what hangs is found out about within a run, so long that a slow machine does not seem to hang; no breaker, which would refuse calls that no fault concerns. */
const SUPERVISION = {
  callTimeout: "8 s",
  startTimeout: "20 s",
  ping: "2 s",
  pingTimeout: "6 s",
  breaker: false,
  restart: { maxAttempts: 1000, delay: "200 ms", maxDelay: `${RESTART.maxMillis} ms` }
}

export interface Server extends Kind {
  /** Its process of the moment, as it wrote down itself. */
  readonly pid: () => number
  /** What stands between the proxy and it. */
  readonly relay: Relay.Relay | undefined
  /** The entry of the configuration, in its nth form. */
  readonly entry: (form: number) => Record<string, unknown>
}

const linesOf = (path: string): ReadonlyArray<string> => {
  try {
    return readFileSync(path, "utf8").split("\n").slice(0, -1)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
    throw error
  }
}

const argumentsOf = (folder: string, { era, name, transport }: Kind): ReadonlyArray<string> => [
  PROGRAM,
  ...Object.entries({ name, folder, era, transport }).flatMap(([option, value]) => [`--${option}`, value])
]

/** A remote server, which is started again whenever it ends, as others would do it. */
const keepRunning = (
  args: ReadonlyArray<string>,
  marker: string,
  starts: () => number
): Effect.Effect<void, never, Scope.Scope> => {
  let isOver = false
  let child: ChildProcess | undefined
  const start = (): void => {
    child = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "inherit"],
      env: { PATH: process.env["PATH"], [MARKER]: marker }
    })
    child.on("exit", () => (isOver ? undefined : start()))
  }
  return Effect.andThen(
    Effect.acquireRelease(Effect.sync(start), () =>
      Effect.callback<void>((resume) => {
        isOver = true
        child?.on("exit", () => resume(Effect.void)).kill("SIGKILL")
      })
    ),
    eventually("it has started", () => starts() > 0)
  )
}

const stdio = (folder: string, kind: Kind): Omit<Server, "pid"> => ({
  ...kind,
  relay: undefined,
  entry: (form) => ({
    command: process.execPath,
    args: argumentsOf(folder, kind),
    env: { FORM: String(form) },
    era: kind.era,
    ...SUPERVISION,
    ...kind.more
  })
})

const remote = Effect.fnUntraced(function* (folder: string, marker: string, kind: Kind) {
  const port = yield* freePort
  const args = [...argumentsOf(folder, kind), "--port", String(port)]
  yield* keepRunning(args, marker, () => linesOf(journals(folder, kind.name).pids).length)
  const relay = yield* Relay.open(port)
  const server: Omit<Server, "pid"> = {
    ...kind,
    relay,
    entry: (form) => ({
      type: kind.transport,
      url: `http://127.0.0.1:${relay.port}/${kind.transport === "sse" ? "sse" : "mcp"}`,
      headers: { "x-form": String(form) },
      era: kind.era,
      ...SUPERVISION,
      ...kind.more
    })
  }
  return server
})

/** Starts the remote ones; the others are the proxy's to start. All write into that folder. */
export const open = (
  folder: string,
  marker: string,
  only: ReadonlyArray<string> = KINDS.map(({ name }) => name)
): Effect.Effect<ReadonlyArray<Server>, never, Scope.Scope> =>
  Effect.forEach(
    KINDS.filter(({ name }) => only.includes(name)),
    (kind) =>
      Effect.map(
        kind.transport === "stdio" ? Effect.succeed(stdio(folder, kind)) : remote(folder, marker, kind),
        (server): Server => ({ ...server, pid: () => Number(linesOf(journals(folder, kind.name).pids).at(-1)) })
      ),
    { concurrency: "unbounded" }
  )

/** One server more, which nobody calls. */
export const spare = (folder: string): Record<string, unknown> =>
  stdio(folder, { name: "spare", transport: "stdio", era: "legacy", more: {} }).entry(0)

/** All that was done. */
export const executions = (folder: string): ReadonlyArray<Execution> =>
  KINDS.flatMap(({ name }) => linesOf(journals(folder, name).done).map((tag) => ({ server: name, tag })))
