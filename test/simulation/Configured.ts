/** What the operator wants: the configuration and the rules of a simulated world, and how they are changed. */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as UsersFile from "../../src/access/UsersFile.ts"
import type { AccessRules } from "../../src/domain/AccessRules.ts"
import type { QueueBounds } from "../../src/domain/FairQueue.ts"
import { type GatewayConfig, makeServer, type ServerConfig, type Transport } from "../../src/domain/ServerConfig.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import { type Change, PEOPLE, type ServerSetup, type Setup } from "./Step.ts"

export const emailOf = (person: number): string => `${PEOPLE[person] ?? PEOPLE[0]}@example.com`

/** Under which version of its configuration a server is. All else of its connection is the same as long as its world lasts. */
export const versionOf = ({ transport }: ServerConfig): string => {
  const held = transport._tag === "Stdio" ? transport.env["VERSION"] : undefined
  const version = transport._tag === "Http" ? transport.headers["x-version"] : held
  return version === undefined ? "" : Redacted.value(version)
}

interface Entry {
  readonly setup: ServerSetup
  isConfigured: boolean
  version: number
  reload: "overlap" | "replace"
  /** How each version was to come after what there was before it. */
  readonly came: Map<number, "overlap" | "replace">
  readonly disabled: Set<string>
  /** Is it given more calls at a time than in the beginning? */
  isWide: boolean
  wasWide: boolean
}

/** How long things take here. What a server plans to answer later it does well within the time that a call is given. */
const CALL_TIMEOUT = Duration.seconds(10)
const START_TIMEOUT = Duration.seconds(5)
const RESTART = { maxAttempts: 3, delay: Duration.seconds(1), maxDelay: Duration.seconds(4) }
/** A circuit rests for at most six times this: less than what is waited for in the end. */
const BREAKER_REST = 2000
const PING = Duration.seconds(3)
const PING_TIMEOUT = Duration.seconds(2)
const LANE_IDLE = Duration.seconds(20)

const toggle = <A>(set: Set<A>, value: A): void => {
  if (!set.delete(value)) set.add(value)
}

const transportOf = ({ setup: { name, transport }, version }: Entry): Transport => {
  const text = Redacted.make(String(version))
  return transport === "stdio"
    ? { _tag: "Stdio", command: name, args: [], env: { VERSION: text }, cwd: undefined }
    : { _tag: "Http", url: `http://${name}.example/mcp`, headers: { "x-version": text } }
}

export class Configured {
  private readonly setup: Setup
  private entries: Array<Entry>
  private naming: GatewayConfig["naming"]
  /** What is configured at present, made when it is first asked for. */
  private current: GatewayConfig | undefined
  private readonly denied: ReadonlyArray<Set<string>> = PEOPLE.map(() => new Set())

  constructor(setup: Setup) {
    this.setup = setup
    this.naming = setup.naming
    this.entries = setup.servers.map((server) => ({
      setup: server,
      isConfigured: server.isConfigured,
      version: 1,
      reload: server.reload,
      came: new Map([[1, server.reload]]),
      disabled: new Set(),
      isWide: false,
      wasWide: false
    }))
  }

  private entry(server: string): Entry | undefined {
    return this.entries.find(({ setup }) => setup.name === server)
  }

  change(change: Change): void {
    this.current = undefined
    const entry = "server" in change ? this.entry(change.server) : undefined
    switch (change._tag) {
      case "Rebuild":
        if (entry === undefined) return
        entry.version++
        entry.came.set(entry.version, entry.reload)
        return
      case "Filter":
        if (entry !== undefined) toggle(entry.disabled, change.tool)
        return
      case "Toggle":
        if (entry === undefined) return
        entry.isConfigured = !entry.isConfigured
        entry.came.set(entry.version, entry.reload)
        return
      case "Mode":
        if (entry !== undefined) entry.reload = entry.reload === "overlap" ? "replace" : "overlap"
        return
      case "Bounds":
        if (entry === undefined) return
        entry.isWide = !entry.isWide
        entry.wasWide ||= entry.isWide
        return
      case "Reorder":
        this.entries = [...this.entries.slice(1), ...this.entries.slice(0, 1)]
        return
      case "Naming":
        this.naming = this.naming === "auto" ? "always" : "auto"
        return
      case "Nothing":
    }
  }

  isConfigured(server: string): boolean {
    return this.entry(server)?.isConfigured === true
  }

  /** The version that a server is to run under; undefined: it is not to run. */
  version(server: string): string | undefined {
    const entry = this.entry(server)
    return entry?.isConfigured === true ? String(entry.version) : undefined
  }

  /** Was a version of a server to find nothing else of it running? */
  isAlone(server: string, version: string): boolean {
    return this.entry(server)?.came.get(Number(version)) === "replace"
  }

  private callsOf({ isWide, setup: { concurrent, queued } }: Entry): QueueBounds {
    return { concurrent: isWide ? 2 * concurrent : concurrent, queued }
  }

  /** The most calls that a server was ever to be given at a time. */
  mostAtATime(server: string): number {
    const entry = this.entry(server)
    return entry === undefined ? 0 : this.callsOf({ ...entry, isWide: entry.wasWide }).concurrent
  }

  private server(entry: Entry): ServerConfig {
    const { setup } = entry
    return makeServer({
      id: ServerId.make(setup.name),
      transport: transportOf(entry),
      era: setup.isAsked ? "auto" : setup.era,
      isolation: setup.isolation,
      disabledTools: [...entry.disabled],
      callTimeout: CALL_TIMEOUT,
      startTimeout: START_TIMEOUT,
      restart: RESTART,
      reload: entry.reload,
      calls: this.callsOf(entry),
      breaker: { failures: setup.failures, restMillis: BREAKER_REST },
      ...(setup.isPinged ? { ping: PING, pingTimeout: PING_TIMEOUT } : { ping: false }),
      retryIdempotent: setup.isRepeated
    })
  }

  /** The same object until something is changed. */
  config(): GatewayConfig {
    return (this.current ??= this.make())
  }

  private make(): GatewayConfig {
    return {
      servers: this.entries.filter(({ isConfigured }) => isConfigured).map((entry) => this.server(entry)),
      naming: this.naming,
      pageSize: 1000,
      maxLanes: this.setup.maxLanes,
      maxLanesPerUser: this.setup.maxLanesPerUser,
      laneIdle: LANE_IDLE
    }
  }

  /** Allows what was denied, or denies it. */
  rule(person: number, server: string, tool: string): void {
    const denied = this.denied[person]
    if (denied !== undefined) toggle(denied, `${server}/${tool}`)
  }

  isDenied(person: number, server: string, tool: string): boolean {
    return this.denied[person]?.has(`${server}/${tool}`) === true
  }

  rules(): AccessRules {
    const entries = this.denied.map(
      (denied, person) => [emailOf(person), { allowed_tools: ["*"], denied_tools: [...denied] }] as const
    )
    return {
      file: Result.getOrThrow(UsersFile.read(JSON.stringify(Object.fromEntries(entries)))),
      emails: new Set(),
      domains: new Set()
    }
  }
}
