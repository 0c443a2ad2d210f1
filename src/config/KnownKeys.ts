/**
 * Every per-server key that MCP clients, other gateways and FastMCP write into such files, and what becomes of it here.
 * None of them stops a start. The table in docs/configuration.md says the same; a test compares.
 */
import { ServerEntry } from "../domain/GatewayConfig.ts"

export type Treatment =
  /** One of our own keys. */
  | { readonly _tag: "Honoured" }
  /** Another spelling of one of our keys; `translate` gives its value there, or undefined where it says nothing. */
  | { readonly _tag: "Alias"; readonly of: string; readonly translate: (value: unknown) => unknown }
  /** Accepted without effect, for the reason given. */
  | { readonly _tag: "Ignored"; readonly why: string }
  /** Accepted; a later version will act upon it. */
  | { readonly _tag: "Planned"; readonly what: string }

const honoured: Treatment = { _tag: "Honoured" }
const alias = (of: string, translate: (value: unknown) => unknown = (value) => value): Treatment => ({
  _tag: "Alias",
  of,
  translate
})
const ignored = (why: string): Treatment => ({ _tag: "Ignored", why })
const planned = (what: string): Treatment => ({ _tag: "Planned", what })

const negate = (value: unknown): unknown => (typeof value === "boolean" ? !value : value)

const TRANSPORTS: Readonly<Record<string, string>> = {
  stdio: "stdio",
  local: "stdio",
  http: "http",
  "streamable-http": "http",
  streamablehttp: "http",
  streamable_http: "http",
  remote: "http",
  sse: "sse"
}

/** Every spelling of a transport that editors need not complain of, ours first. */
export const TRANSPORT_SPELLINGS: ReadonlyArray<string> = [
  "stdio",
  "http",
  "sse",
  "streamable-http",
  "streamableHttp",
  "streamable_http"
]

const transport = (value: unknown): unknown =>
  typeof value === "string" ? (TRANSPORTS[value.toLowerCase()] ?? value) : value

/** A duration with a unit is ours to honour; a bare number means seconds to one client and milliseconds to another. */
const withUnit = (value: unknown): unknown => (typeof value === "string" ? value : undefined)

const clientSide = "it tells a client which calls to approve; a gateway has nobody to ask"
const display = "it is for display in another program"
const needsUnit = "units differ between clients; use callTimeout or startTimeout with a unit"
const processOnly = "it is for another program's process management"
const upstreamSignIn = "signing in to upstream servers; until then give a headers.Authorization"

/** Filters as TBXark writes them. */
const filter =
  (mode: string) =>
  (value: unknown): unknown => {
    const { list, mode: actual } = (typeof value === "object" && value !== null ? value : {}) as {
      readonly list?: unknown
      readonly mode?: unknown
    }
    return actual === mode ? list : undefined
  }

const OTHERS: Readonly<Record<string, Treatment | ReadonlyArray<Treatment>>> = {
  transport: alias("type", transport),
  transportType: alias("type", transport),
  protocol: alias("type", transport),
  serverUrl: alias("url"),
  httpUrl: alias("url"),
  baseUrl: alias("url"),
  endpoint: alias("url"),
  http_headers: alias("headers"),
  environment: alias("env"),
  env_file: alias("envFile"),
  working_dir: alias("cwd"),
  workingDirectory: alias("cwd"),
  enabled: alias("disabled", negate),
  isActive: alias("disabled", negate),
  includeTools: alias("enabledTools"),
  enabled_tools: alias("enabledTools"),
  allowedTools: alias("enabledTools"),
  excludeTools: alias("disabledTools"),
  disabled_tools: alias("disabledTools"),
  toolFilter: [alias("enabledTools", filter("allow")), alias("disabledTools", filter("block"))],
  timeout: alias("callTimeout", withUnit),
  requestTimeout: alias("callTimeout", withUnit),
  connectionTimeout: alias("startTimeout", withUnit),
  restartOnExit: alias("restart", (value) => (value === false ? false : undefined)),
  autoApprove: ignored(clientSide),
  alwaysAllow: ignored(clientSide),
  trust: ignored(clientSide),
  default_tools_approval_mode: ignored(clientSide),
  name: ignored(display),
  title: ignored(display),
  displayName: ignored(display),
  icon: ignored(display),
  icons: ignored(display),
  logoUrl: ignored(display),
  provider: ignored(display),
  providerUrl: ignored(display),
  registryUrl: ignored(display),
  gallery: ignored(display),
  version: ignored(display),
  id: ignored(display),
  tags: ignored(display),
  note: ignored(display),
  comment: ignored(display),
  metadata: ignored(display),
  startup_timeout_sec: ignored(needsUnit),
  startup_timeout_ms: ignored(needsUnit),
  tool_timeout_sec: ignored(needsUnit),
  sse_read_timeout: ignored(needsUnit),
  initTimeout: ignored(needsUnit),
  maxRestarts: ignored("use restart.maxAttempts"),
  restartDelay: ignored("use restart.delay with a unit"),
  keep_alive: ignored("servers are always kept running"),
  keepAlive: ignored("servers are always kept running"),
  keepAliveInterval: ignored("servers are always kept running"),
  idleTimeoutMs: ignored("use gateway.laneIdle with a unit"),
  perSessionClient: ignored('use isolation: "session"'),
  installing: ignored(processOnly),
  shell: ignored(processOnly),
  sandbox: ignored(processOnly),
  sandboxEnabled: ignored(processOnly),
  dev: ignored(processOnly),
  required: ignored("no server is required: each fails for itself"),
  include_tags: ignored("tags are FastMCP's own and do not travel"),
  exclude_tags: ignored("tags are FastMCP's own and do not travel"),
  inheritParentEnv: ignored("servers get an allow-listed environment; name what they need in env"),
  envFilter: ignored("servers get an allow-listed environment; name what they need in env"),
  env_vars: ignored("name the variables in env, as NAME: ${NAME}"),
  env_http_headers: ignored("name the variables in headers, as Header: ${NAME}"),
  passthroughHeaders: ignored("a caller's headers are never forwarded"),
  owner: planned("permissions"),
  visibility: planned("permissions"),
  oauth: planned(upstreamSignIn),
  auth: planned(upstreamSignIn),
  authentication: planned(upstreamSignIn),
  authProviderType: planned(upstreamSignIn),
  bearer_token_env_var: planned(upstreamSignIn),
  credentialTemplate: planned("credentials per person"),
  era: planned("choosing the protocol revision of a server"),
  tools: planned("renaming and describing single tools")
}

const OWN: Readonly<Record<string, Treatment>> = Object.fromEntries(
  Object.keys(ServerEntry.fields).map((key) => [key, key === "reload" ? planned("live reload") : honoured])
)

/** Key → its treatment, or the several keys of ours that it is spread over. */
export const KNOWN_KEYS: Readonly<Record<string, Treatment | ReadonlyArray<Treatment>>> = { ...OWN, ...OTHERS }

const treatments = (key: string): ReadonlyArray<Treatment> => {
  const known = Object.hasOwn(KNOWN_KEYS, key) ? KNOWN_KEYS[key] : undefined
  return known === undefined ? [] : Array.isArray(known) ? known : [known as Treatment]
}

/** An entry with our keys only. `spelling` says under which key of the file each was found. */
export interface Translated {
  readonly entry: Readonly<Record<string, unknown>>
  readonly spelling: Readonly<Record<string, string>>
  /** What was accepted without effect: key and why. */
  readonly notes: ReadonlyArray<{ readonly key: string; readonly note: string }>
  readonly unknown: ReadonlyArray<string>
}

/** Translates the spellings of other programs. Where two keys say the same thing, ours wins, then the first. */
export const translate = (raw: Readonly<Record<string, unknown>>): Translated => {
  const entry: Record<string, unknown> = {}
  const spelling: Record<string, string> = {}
  const notes: Array<{ readonly key: string; readonly note: string }> = []
  const unknown: Array<string> = []
  const put = (of: string, value: unknown, key: string): void => {
    if (value === undefined || of in entry) return
    entry[of] = value
    spelling[of] = key
  }
  for (const [key, value] of Object.entries(raw)) {
    if (key in ServerEntry.fields) put(key, key === "type" ? transport(value) : value, key)
  }
  for (const [key, value] of Object.entries(raw)) {
    const known = treatments(key)
    if (known.length === 0) unknown.push(key)
    for (const treatment of known) {
      if (treatment._tag === "Alias") {
        const translated = treatment.translate(value)
        if (translated === undefined && treatment.translate === withUnit) notes.push({ key, note: needsUnit })
        else put(treatment.of, translated, key)
      } else if (treatment._tag === "Ignored") notes.push({ key, note: treatment.why })
      else if (treatment._tag === "Planned") notes.push({ key, note: `planned: ${treatment.what}` })
    }
  }
  return { entry, spelling, notes, unknown }
}
