/**
 * mcp_config.json as a Schema: the source of mcp_config.schema.json, of editors' completion and of every complaint.
 *
 * These are the canonical keys. Spellings of other clients are translated to them before decoding (`config/KnownKeys`).
 */
import * as Schema from "effect/Schema"
import { DurationText } from "./Duration.ts"
import { DEFAULT_CALLS } from "./ServerConfig.ts"

/** An optional key with its description; `default` is documentation, `config/` applies it. */
const describe = <S extends Schema.Top>(schema: S, description: string, more: { readonly default?: unknown } = {}) =>
  Schema.optionalKey(Schema.annotate<S>({ description, ...more } as never)(schema))

const Names = Schema.Array(Schema.String)

/** How a server that went away is brought back. */
export const Restart = Schema.Struct({
  maxAttempts: describe(Schema.Natural, "Restarts in a row before the server is given up.", { default: 10 }),
  delay: describe(DurationText, "Wait before the first restart; it doubles with each further one.", { default: "1 s" }),
  maxDelay: describe(DurationText, "The longest wait between two restarts.", { default: "30 s" })
}).annotate({ description: "How the server is restarted after a crash." })

/** When calls to a server that keeps failing are held back. */
export const Breaker = Schema.Struct({
  failures: describe(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })),
    "Failed calls in a row by which the circuit opens.",
    {
      default: 5
    }
  ),
  rest: describe(
    DurationText,
    "How long no call is made then, before one tries again; it doubles, up to six times this, while that fails too.",
    { default: "10 s" }
  )
}).annotate({ description: "When calls to a server that keeps failing are held back." })

/** One entry of `mcpServers`. */
export const ServerEntry = Schema.Struct({
  type: describe(
    Schema.Literals(["stdio", "http", "sse"]),
    "Transport: a local process (stdio), Streamable HTTP (http) or the older HTTP+SSE (sse). Inferred when absent: `command` means stdio, a URL whose path ends in /sse means sse, any other URL http."
  ),
  command: describe(Schema.NonEmptyString, "The program to start, for example npx, uvx or node."),
  args: describe(Schema.Array(Schema.Union([Schema.String, Schema.Finite])), "Arguments of the program."),
  env: describe(
    Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])),
    "Environment variables of the program, beside the few it inherits (PATH, HOME, locale, proxy and CA settings)."
  ),
  envFile: describe(
    Schema.NonEmptyString,
    "A file of further environment variables, in .env format, seen from the folder of this file; `env` wins."
  ),
  cwd: describe(
    Schema.NonEmptyString,
    "Working directory of the program; seen from the folder of this file. By default the proxy's own."
  ),
  url: describe(Schema.NonEmptyString, "Address of a remote server."),
  headers: describe(
    Schema.Record(Schema.String, Schema.String),
    "HTTP headers sent with every request to a remote server, for example its Authorization."
  ),
  disabled: describe(Schema.Boolean, "Leave this server out.", { default: false }),
  enabledTools: describe(Names, "Offer only these tools, by the server's own names; * stands for any characters."),
  disabledTools: describe(Names, "Hide these tools, by the server's own names; * stands for any characters."),
  callTimeout: describe(DurationText, "How long a call may stay silent before it is cancelled.", {
    default: "5 minutes"
  }),
  maxCallTime: describe(
    DurationText,
    "How long a call may take however often it shows progress. By default at least as long as callTimeout.",
    { default: "1 hour" }
  ),
  startTimeout: describe(DurationText, "How long the server may take to start and answer initialize.", {
    default: "2 minutes"
  }),
  maxConcurrentCalls: describe(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100_000 })),
    "Calls that the server is given at a time. Further ones wait; callers take turns.",
    { default: DEFAULT_CALLS.concurrent }
  ),
  maxQueuedCalls: describe(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
    "Calls that may wait for that, each for callTimeout at most. Further ones are refused.",
    { default: DEFAULT_CALLS.queued }
  ),
  restart: describe(
    Schema.Union([Schema.Boolean, Restart]),
    "false: a server that went away stays away until it is called. true or an object: restart it with growing delays.",
    { default: true }
  ),
  ping: describe(
    Schema.Union([Schema.Boolean, DurationText]),
    "How long the server may be silent before it is pinged; false: it never is, and one that hangs is not replaced.",
    { default: "1 minute" }
  ),
  pingTimeout: describe(
    DurationText,
    "How long it may take to answer a ping. One that does not is replaced once a call has timed out or if it has nothing to do.",
    { default: "10 s" }
  ),
  breaker: describe(
    Schema.Union([Schema.Boolean, Breaker]),
    "false: calls are made however many failed before. true or an object: after some failures in a row none is made for a while.",
    { default: true }
  ),
  retryIdempotent: describe(
    Schema.Boolean,
    "Make a call once more whose outcome is unknown, where it only reads or the tool is annotated readOnlyHint or idempotentHint.",
    { default: false }
  ),
  reload: describe(
    Schema.Literals(["overlap", "replace"]),
    "When this entry changes while the proxy runs: start the new server beside the old one and change over (overlap, default for URLs), or let the old one finish and stop first (replace, default for stdio: it may hold a lock, a port, a profile)."
  ),
  isolation: describe(
    Schema.Literals(["shared", "user", "session"]),
    "Who shares one connection: everybody (default for stdio), each person, or each client session (default for URLs). Only servers that are not shared can ask the user questions."
  ),
  era: describe(
    Schema.Literals(["auto", "modern", "legacy"]),
    "How the server is spoken to: as of 2026-07-28 (modern), with initialize as before it (legacy), or as it turns out to understand (auto). HTTP+SSE is always legacy.",
    { default: "auto" }
  ),
  description: describe(Schema.String, "What the server is for, shown to people.")
}).annotate({ identifier: "Server", description: "One MCP server." })
export type ServerEntry = typeof ServerEntry.Type

/** The `gateway` section. */
export const GatewaySection = Schema.Struct({
  naming: describe(
    Schema.Literals(["auto", "always", "collisions"]),
    "Prefix names with their server's: auto = when several servers are enabled, always, or only for names that collide.",
    { default: "auto" }
  ),
  pageSize: describe(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })), "Items per page of a list.", {
    default: 1000
  }),
  maxLanes: describe(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100_000 })),
    "Connections to one server at most, where its isolation is user or session. Unset: 64 processes, 4096 remote connections."
  ),
  maxLanesPerUser: describe(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100_000 })),
    "How many of them may be one person's. Unset: 16 processes, 256 remote connections."
  ),
  laneIdle: describe(DurationText, "How long such a connection is kept when nobody uses it.", { default: "15 minutes" })
}).annotate({ identifier: "Gateway", description: "Settings of the gateway as a whole." })
export type GatewaySection = typeof GatewaySection.Type

/** The whole file. */
export const GatewayFile = Schema.Struct({
  $schema: Schema.optionalKey(Schema.String),
  mcpServers: Schema.Record(Schema.String, ServerEntry).annotate({
    description: "The servers behind the gateway, by name. The order is the order of the lists that clients see."
  }),
  gateway: Schema.optionalKey(GatewaySection)
}).annotate({ title: "MCP Proxy Server configuration" })
