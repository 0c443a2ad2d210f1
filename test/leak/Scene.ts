/** A proxy as it is shipped, before servers of every transport and such as crash, with a channel of its own. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { launch } from "../../bench/machine/Launch.ts"
import { HOST } from "../../bench/targets/Target.ts"
import { fixture, freePort, projectRoot, readyProxy, type RunningProxy, survivors } from "../integration/harness.ts"
import * as Channel from "./Channel.ts"

/** Servers that crash, side by side. */
export const CRASHING = 8

/** So few that they are all used before anything is weighed. */
const MAX_SESSIONS = 100

const TOKEN = "0123456789abcdef0123456789abcdef"

/** Of every request: the machine credential that may do everything. */
export const HEADERS = { authorization: `Bearer ${TOKEN}` }

const USERS = {
  roles: { measured: { allowed_servers: ["*"] } },
  "auth-token": { roles: ["measured", "admin"] }
}

export interface Scene {
  readonly proxy: RunningProxy
  readonly channel: Channel.Channel
  /** Has these servers beside those that always are there, once the proxy is told to look. */
  readonly configure: (more: Readonly<Record<string, Record<string, unknown>>>) => Effect.Effect<void>
  /** How often the servers that crash were started. */
  readonly starts: () => number
  readonly descriptors: () => number
  readonly processes: () => number
  /** Servers that are not always there. */
  readonly spare: Readonly<Record<"stays" | "comes", Record<string, unknown>>>
}

export interface SceneOptions {
  /** The proxy leaks a listener for each request. */
  readonly leaks: boolean
}

const bench = (program: string): string => join(projectRoot, "bench/programs", program)

/** What starts the server that crashes when it is called. */
const crashing = (journal: string) => ({ command: "sh", args: [fixture("crash-stdio.sh"), journal] })

const LINE = "start\n"

export const make = ({ leaks }: SceneOptions): Effect.Effect<Scene, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-proxy-leak-"))),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
    )
    const port = yield* freePort
    const remotePort = yield* freePort
    yield* Effect.acquireRelease(
      Effect.sync(() => launch(process.execPath, [bench("server-http.ts"), "--port", String(remotePort)])),
      (launched) => Effect.promise(() => launched.stop())
    )
    const journal = join(folder, "starts")
    writeFileSync(journal, "")
    const crash = {
      ...crashing(journal),
      era: "legacy",
      restart: { delay: "1 ms", maxDelay: "1 ms", maxAttempts: 1_000_000 },
      breaker: false
    }
    const always: Record<string, Record<string, unknown>> = {
      echo: { command: process.execPath, args: [bench("server-stdio.ts")], era: "legacy" },
      remote: { url: `http://${HOST}:${remotePort}/mcp`, era: "legacy", isolation: "shared" },
      ...Object.fromEntries(Array.from({ length: CRASHING }, (_, index) => [`crash${index}`, crash]))
    }
    const channel = yield* Channel.open(join(folder, "channel"))
    const proxy = yield* readyProxy({
      config: { mcpServers: always },
      entry: join(import.meta.dirname, "proxy.ts"),
      folder: join(folder, "proxy"),
      port,
      prepare: (made) => {
        mkdirSync(join(made, "data"), { recursive: true })
        writeFileSync(join(made, "data/users.json"), JSON.stringify(USERS))
      },
      env: {
        ...channel.env,
        ...(leaks ? { LEAK_LISTENER: "true" } : {}),
        MCP_HOST: HOST,
        MCP_BASE_URL: `http://${HOST}:${port}`,
        MCP_AUTH_PROVIDER: "demo",
        MCP_AUTH_TOKEN: TOKEN,
        MCP_RATE_LIMIT: "1000000",
        MCP_RATE_BURST: "1000000",
        MCP_MAX_SESSIONS: String(MAX_SESSIONS)
      }
    })
    return {
      proxy,
      channel,
      configure: (more) => proxy.configure({ mcpServers: { ...always, ...more } }),
      starts: () => statSync(journal).size / LINE.length,
      descriptors: () => readdirSync(`/proc/${proxy.pid}/fd`).length,
      processes: () => survivors(proxy.marker).length,
      spare: { stays: { ...crash, args: [...crash.args, "stays"] }, comes: crash }
    }
  })
