/** What the configuration asks for, resolved: aliases translated, variables expanded, defaults in place. */
import type * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
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

export interface ServerConfig {
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
  readonly description: Text | undefined
}

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
