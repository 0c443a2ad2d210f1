/** The proxy itself, twice: with nothing on, and as it is shipped. */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort, launch, type Launched } from "../machine/Launch.ts"
import * as Evidence from "./evidence.ts"
import { HOST, ready, type Running, type Target, type Upstream } from "./Target.ts"

/** The built program, or another build of it that is to be measured. */
export const BUNDLE = process.env["BENCH_BUNDLE"] ?? join(import.meta.dirname, "../../dist/main.js")

/** What is at work in a proxy. */
export type Mode = "bare" | "shipped"

/** Drawn at random, as people are told to: another is stretched at each start. */
const KEY = randomBytes(32).toString("hex")

/** Who the demo's walk signs in as, as policies name them. */
export const PERSON = "demo-person@demo.invalid"

/** Allows what is measured, and denies a tool that every server of ours has. */
const POLICY = {
  roles: { measured: { allowed_servers: ["*"], denied_tools: ["forbidden"] } },
  [PERSON]: { roles: ["measured"] },
  // The program of MCP_AUTH_TOKEN.
  "auth-token": { roles: ["measured"] }
}

const ENVIRONMENT: Readonly<Record<Mode, Readonly<Record<string, string>>>> = {
  bare: { MCP_AUTH_PROVIDER: "none", MCP_AUDIT: "false", MCP_RATE_LIMIT: "0" },
  // So high that nobody is held up by it, and everybody passes through it.
  shipped: { MCP_AUTH_PROVIDER: "demo", MCP_AUDIT: "true", MCP_RATE_LIMIT: "1000000", GOOGLE_JWT_KEY: KEY }
}

export interface OursOptions {
  readonly mode: Mode
  readonly servers: Readonly<Record<string, object>>
  readonly env?: Readonly<Record<string, string>>
  /** The place of an earlier process: what it kept is there still. */
  readonly folder?: string
  readonly port?: number
  /** Options of Node itself. */
  readonly nodeOptions?: ReadonlyArray<string>
  /** Of the clients that are to come. */
  readonly era?: Upstream["era"]
  /** May the run go without metrics? */
  readonly withoutMetrics?: boolean
  /** Another build than `BUNDLE`. */
  readonly bundle?: string
}

export interface Ours extends Running {
  readonly folder: string
  readonly launched: Launched
  /** Ends the process and leaves its folder for another. */
  readonly halt: () => Promise<void>
}

/** The configuration's file. */
export const configPath = (folder: string): string => join(folder, "mcp_config.json")

/** Starts a process in a folder of its own, and waits for nothing. */
export const launchOurs = async (options: OursOptions): Promise<Omit<Ours, "evidence">> => {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "mcp-bench-ours-"))
  mkdirSync(join(folder, "data"), { recursive: true })
  writeFileSync(configPath(folder), JSON.stringify({ mcpServers: options.servers }))
  writeFileSync(join(folder, "data/users.json"), JSON.stringify(POLICY))
  const port = options.port ?? (await freePort())
  const launched = launch(process.execPath, [...(options.nodeOptions ?? []), options.bundle ?? BUNDLE], {
    cwd: folder,
    env: {
      MCP_PORT: String(port),
      MCP_HOST: HOST,
      MCP_BASE_URL: `http://${HOST}:${port}`,
      MCP_DATA_DIR: join(folder, "data"),
      MCP_SHUTDOWN_GRACE: "1",
      ...ENVIRONMENT[options.mode],
      ...options.env
    }
  })
  return {
    pid: launched.pid,
    port,
    path: "/mcp",
    headers: {},
    sessions: "each",
    folder,
    launched,
    signal: launched.signal,
    output: launched.output,
    halt: launched.stop,
    stop: async () => {
      await launched.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** Until the socket is there. */
export const listening = async ({ launched, port }: Pick<Ours, "launched" | "port">): Promise<void> => {
  const deadline = performance.now() + 60_000
  for (;;) {
    if (launched.hasEnded() || performance.now() > deadline) {
      throw new Error(`it does not serve: ${launched.output().slice(-1000)}`)
    }
    try {
      const { status } = await fetch(`http://${HOST}:${port}/health`)
      if (status === 200) return
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Tokens of a person who has signed in, by the whole way of the demo. */
export const signIn = async (port: number): Promise<{ readonly access: string; readonly refresh: string }> => {
  const Walk = await import("../../src/cli/walk.ts")
  const tokens = await Effect.runPromise(Walk.accessToken(`http://${HOST}:${port}/mcp`))
  return { access: tokens.access_token, refresh: tokens.refresh_token }
}

/** Starts it, signs somebody in where that is asked for, and waits until the tools of its servers are listed. */
export const startOurs = async (options: OursOptions): Promise<Ours> => {
  const ours = await launchOurs(options)
  try {
    await listening(ours)
    const headers: Record<string, string> =
      options.mode === "shipped" ? { authorization: `Bearer ${(await signIn(ours.port)).access}` } : {}
    const running = { ...ours, headers }
    await ready(ours.launched, running, { era: options.era ?? "legacy", answers: "json" })
    if (options.mode === "bare") return running
    const evidence = await Evidence.gather(running, join(ours.folder, "data/audit.db"), {
      era: options.era ?? "legacy",
      withoutMetrics: options.withoutMetrics ?? false
    })
    return { ...running, evidence }
  } catch (error) {
    await ours.stop()
    throw error
  }
}

/** The one server of a measured proxy, as its configuration has it. */
export const serverEntry = ({ command: [command, ...args], era, kind, url }: Upstream): object =>
  kind === "stdio" ? { command, args, era } : { url, era }

export const ours = (mode: Mode, options: Partial<OursOptions> = {}): Target => ({
  name: mode === "bare" ? "ours, bare" : "ours, as shipped",
  role: mode,
  takes: () => true,
  start: (upstream) => startOurs({ mode, era: upstream.era, servers: { echo: serverEntry(upstream) }, ...options })
})
