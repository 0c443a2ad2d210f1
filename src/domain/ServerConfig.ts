/** What the configuration asks for, resolved: aliases translated, variables expanded, defaults in place. */
import * as Duration from "effect/Duration"
import * as Equal from "effect/Equal"
import * as Redacted from "effect/Redacted"
import * as Struct from "effect/Struct"
import * as Breaker from "./Breaker.ts"
import type { QueueBounds } from "./FairQueue.ts"
import type { Isolation } from "./Lane.ts"
import type { Era } from "./Protocol.ts"
import type { ServerId } from "./ServerId.ts"

/** A value of the file: Redacted where it held a variable, for then it may be a secret. */
export type Text = string | Redacted.Redacted<string>

/** The plain text. Only for the hand that passes it to the process or the server it is meant for. */
export const reveal = (text: Text): string => (Redacted.isRedacted(text) ? Redacted.value(text) : text)

/** The text as it may be shown. */
export const display = (text: Text): string => (Redacted.isRedacted(text) ? "<redacted>" : text)

export interface Stdio {
  readonly _tag: "Stdio"
  readonly command: Text
  readonly args: ReadonlyArray<Text>
  readonly env: Readonly<Record<string, Redacted.Redacted<string>>>
  readonly cwd: Text | undefined
}

export interface Remote {
  readonly _tag: "Http" | "Sse"
  readonly url: Text
  readonly headers: Readonly<Record<string, Redacted.Redacted<string>>>
}

/** A server that the file describes but that cannot be started as described: this server's failure, not the file's. */
export interface Unusable {
  readonly _tag: "Unusable"
  readonly reason: string
}

export type Transport = Stdio | Remote | Unusable

/** Restart policy; `undefined` means never by itself. */
export interface RestartOptions {
  readonly maxAttempts: number
  readonly delay: Duration.Duration
  readonly maxDelay: Duration.Duration
}

/** How many calls a server is given at a time, and how many may wait for that, unless the file says otherwise. */
export const DEFAULT_CALLS: QueueBounds = { concurrent: 256, queued: 1024 }

/** How a server is watched over, and what is done about calls that it leaves unanswered. */
export interface Supervision {
  /** However often a call shows progress, it ends then. */
  readonly maxCallTime: Duration.Duration
  /** How long the server may be silent before it is pinged; `false`: it never is. */
  readonly ping: Duration.Duration | false
  readonly pingTimeout: Duration.Duration
  /** `false`: calls are made however many failed. */
  readonly breaker: Breaker.Options | false
  /** May calls that the server itself calls repeatable be made a second time where their outcome is unknown? */
  readonly retryIdempotent: boolean
}

export interface ServerConfig extends Supervision {
  readonly id: ServerId
  readonly transport: Transport
  /** `auto`: the server is asked which it is. Never `modern` for HTTP+SSE. */
  readonly era: Era | "auto"
  readonly isolation: Isolation
  readonly enabledTools: ReadonlyArray<Text> | undefined
  readonly disabledTools: ReadonlyArray<Text>
  readonly callTimeout: Duration.Duration
  readonly startTimeout: Duration.Duration
  /** How many calls it is given at a time, and how many may wait for that. */
  readonly calls: QueueBounds
  /** `undefined`: the process-wide policy; `false`: never. */
  readonly restart: Partial<RestartOptions> | false | undefined
  /** When its settings change: the new connection beside the old one, or after it. */
  readonly reload: "overlap" | "replace"
  readonly description: Text | undefined
}

/** A server with all that is not said left at its default. */
export const makeServer = (
  server: Pick<ServerConfig, "id" | "transport"> & { readonly [K in keyof ServerConfig]?: ServerConfig[K] | undefined }
): ServerConfig => {
  const isRemote = server.transport._tag === "Http" || server.transport._tag === "Sse"
  const callTimeout = server.callTimeout ?? Duration.minutes(5)
  const said = Object.fromEntries(Object.entries(server).filter(([, value]) => value !== undefined))
  return {
    era: server.transport._tag === "Sse" ? "legacy" : "auto",
    isolation: isRemote ? "session" : "shared",
    enabledTools: undefined,
    disabledTools: [],
    callTimeout,
    // Less than a call may be silent would make that meaningless.
    maxCallTime: Duration.max(Duration.hours(1), callTimeout),
    startTimeout: Duration.minutes(2),
    calls: DEFAULT_CALLS,
    ping: Duration.minutes(1),
    pingTimeout: Duration.seconds(10),
    breaker: Breaker.DEFAULTS,
    retryIdempotent: false,
    restart: undefined,
    reload: isRemote ? "overlap" : "replace",
    description: undefined,
    ...said,
    id: server.id,
    transport: server.transport
  }
}

/** What is decided anew with each request, and not by the connection. */
const NOT_OF_CONNECTION = ["enabledTools", "disabledTools", "calls", "reload", "description"] as const

/** Do both ask for the same connection? Secrets count by their values. */
export const sameConnection = (a: ServerConfig, b: ServerConfig): boolean =>
  a === b || Equal.equals(Struct.omit(a, NOT_OF_CONNECTION), Struct.omit(b, NOT_OF_CONNECTION))

export type Naming = "auto" | "always" | "collisions"

/** The whole configuration: enabled servers in file order. */
export interface GatewayConfig {
  readonly servers: ReadonlyArray<ServerConfig>
  readonly naming: Naming
  readonly pageSize: number
  /** `undefined`: 64 processes, 4096 remote connections. */
  readonly maxLanes: number | undefined
  /** `undefined`: 16 processes, 256 remote connections. */
  readonly maxLanesPerUser: number | undefined
  readonly laneIdle: Duration.Duration
}
