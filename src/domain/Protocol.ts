/** The Model Context Protocol's own words: revisions, headers, error codes, methods. */

/** Legacy: the revisions that begin with `initialize`. Modern: those without sessions, in which each request says it all. */
export type Era = "legacy" | "modern"

/** The modern revisions, oldest first. */
export const MODERN_REVISIONS = ["2026-07-28"] as const
export type ModernRevision = (typeof MODERN_REVISIONS)[number]

export const LATEST_MODERN: ModernRevision = "2026-07-28"

export const isModernRevision = (value: unknown): value is ModernRevision =>
  MODERN_REVISIONS.some((revision) => revision === value)

/** The revisions that begin with `initialize`, oldest first. */
export const LEGACY_REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] as const
export type LegacyRevision = (typeof LEGACY_REVISIONS)[number]

export const LATEST_LEGACY: LegacyRevision = "2025-11-25"

/** What a server may assume of a client that sends no version header (2025-06-18, transports, §Protocol Version Header). */
export const ASSUMED_REVISION: LegacyRevision = "2025-03-26"

export const isLegacyRevision = (value: unknown): value is LegacyRevision =>
  LEGACY_REVISIONS.some((revision) => revision === value)

/** The revision to answer an `initialize` with: the one asked for where we speak it, else our newest. */
export const negotiate = (requested: unknown): LegacyRevision =>
  isLegacyRevision(requested) ? requested : LATEST_LEGACY

/** Does a revision date from `since` or later? Revisions are dates, so text order is time order. */
export const isSince = (revision: Revision, since: Revision): boolean => revision >= since

/** Any revision that we speak. */
export type Revision = LegacyRevision | ModernRevision

export const HEADER = {
  sessionId: "mcp-session-id",
  protocolVersion: "mcp-protocol-version",
  lastEventId: "last-event-id",
  /** 2026-07-28, transports/streamable-http, §Request Metadata. */
  method: "mcp-method",
  name: "mcp-name",
  paramPrefix: "mcp-param-"
} as const

/** Keys of `_meta` that are the protocol's own (2026-07-28, basic/index, §_meta). */
export const META = {
  protocolVersion: "io.modelcontextprotocol/protocolVersion",
  clientCapabilities: "io.modelcontextprotocol/clientCapabilities",
  clientInfo: "io.modelcontextprotocol/clientInfo",
  logLevel: "io.modelcontextprotocol/logLevel",
  serverInfo: "io.modelcontextprotocol/serverInfo",
  subscriptionId: "io.modelcontextprotocol/subscriptionId"
} as const

/** Extensions that are carried knowingly; others pass where both ends declare them. */
export const EXTENSION = {
  ui: "io.modelcontextprotocol/ui",
  tasks: "io.modelcontextprotocol/tasks"
} as const

/** JSON-RPC's codes, and MCP's for a resource that does not exist (until 2025-11-25). */
export const CODE = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  resourceNotFound: -32002,
  /** What the official SDKs answer for sessions: missing or unusable, and unknown. */
  badSession: -32000,
  sessionNotFound: -32001,
  /** Until 2025-11-25: URLs have to be visited first, and then the same request made again. */
  urlElicitationRequired: -32042,
  /** 2026-07-28. */
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022
} as const

/** The methods whose result may ask instead of answering (2026-07-28, basic/patterns/mrtr). */
export const MAY_ASK: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"])

/** The requests that clients make of servers, whatever the revision. */
export const CLIENT_METHODS: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "server/discover",
  "tools/list",
  "tools/call",
  "prompts/list",
  "prompts/get",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "resources/subscribe",
  "resources/unsubscribe",
  "completion/complete",
  "logging/setLevel",
  "subscriptions/listen",
  "tasks/get",
  "tasks/update",
  "tasks/cancel"
])

/** Is it one of the codes that the specification keeps for its own errors since 2026-07-28 (basic/index, §Error Codes)? */
export const isModernError = (code: unknown): boolean => typeof code === "number" && code <= -32020 && code >= -32099

/** RFC 5424 severities in MCP's spelling, least severe first. */
export const LOG_LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export const isLogLevel = (value: unknown): value is LogLevel => LOG_LEVELS.some((level) => level === value)

/** Is a message of this level to be shown to who asked for `threshold`? */
export const isAtLeast = (level: LogLevel, threshold: LogLevel): boolean =>
  LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold)

/** What a client declared at initialize; unknown members are kept. */
export type Capabilities = Readonly<Record<string, unknown>>

/** The questions a server may put to its client, and the capability that permits each. */
export const QUESTION_CAPABILITY: ReadonlyMap<string, string> = new Map([
  ["sampling/createMessage", "sampling"],
  ["elicitation/create", "elicitation"],
  ["roots/list", "roots"]
])

/** The capabilities by which a server may ask its client something. */
export const ASKING_CAPABILITIES = ["elicitation", "roots", "sampling"] as const
