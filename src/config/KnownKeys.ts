/**
 * Every per-server key that MCP clients, other gateways and FastMCP write into such files, and what becomes of it here.
 * None of them stops a start. The table in docs/configuration.md says the same; a test compares.
 */
import * as Predicate from "effect/Predicate"
import { ServerEntry } from "../domain/GatewayConfig.ts"

export type Treatment =
  /** One of our own keys. */
  | { readonly _tag: "Honoured" }
  /**
   * Another spelling of our key `of`: `translate` gives its value there, or undefined where it says nothing; `unheard`,
   * why what it says has no effect.
   */
  | {
      readonly _tag: "Alias"
      readonly of: string
      readonly translate: (value: unknown) => unknown
      readonly unheard: (value: unknown) => string | undefined
    }
  /** Accepted without effect, for the reason given. */
  | { readonly _tag: "Ignored"; readonly why: string }
  /** Accepted; a later version will act upon it. */
  | { readonly _tag: "Planned"; readonly what: string }

const honoured: Treatment = { _tag: "Honoured" }
const alias = (
  of: string,
  translate: (value: unknown) => unknown = (value) => value,
  unheard: (value: unknown) => string | undefined = () => undefined
): Treatment => ({ _tag: "Alias", of, translate, unheard })
const ignored = (why: string): Treatment => ({ _tag: "Ignored", why })
const planned = (what: string): Treatment => ({ _tag: "Planned", what })

const negate = (value: unknown): unknown => (typeof value === "boolean" ? !value : value)

const TRANSPORTS: ReadonlyMap<string, string> = new Map([
  ["stdio", "stdio"],
  ["local", "stdio"],
  ["http", "http"],
  ["streamable-http", "http"],
  ["streamablehttp", "http"],
  ["streamable_http", "http"],
  ["remote", "http"],
  ["sse", "sse"]
])

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
  typeof value === "string" ? (TRANSPORTS.get(value.toLowerCase()) ?? value) : value

const clientSide = "it tells a client which calls to approve; a gateway has nobody to ask"
const display = "it is for display in another program"
const needsUnit = "units differ between clients; use callTimeout or startTimeout with a unit"
const processOnly = "it is for another program's process management"
const upstreamSignIn = "signing in to upstream servers; until then give a headers.Authorization"

/** A duration with a unit is ours to honour; a bare number means seconds to one client and milliseconds to another. */
const withUnit = (value: unknown): unknown =>
  typeof value === "string" && !/^\s*\d+(?:\.\d+)?\s*$/u.test(value) ? value : undefined

const unitless = (value: unknown): string | undefined => (withUnit(value) === undefined ? needsUnit : undefined)

const member =
  (key: string) =>
  (value: unknown): unknown =>
    Predicate.isReadonlyObject(value) && Object.hasOwn(value, key) ? value[key] : undefined

/** Filters as TBXark writes them. */
const filter =
  (mode: "allow" | "block") =>
  (value: unknown): unknown =>
    member("mode")(value) === mode ? member("list")(value) : undefined
const noFilter = (value: unknown): string | undefined =>
  filter("allow")(value) === undefined && filter("block")(value) === undefined
    ? 'a filter is {"mode": "allow" or "block", "list": [names]}'
    : undefined

/** Where TBXark writes them, among other things. */
const options = member("toolFilter")

/** Variables as 1mcp writes them: NAME=value, or the NAME of one to pass on. */
const variables = (value: unknown): unknown =>
  Array.isArray(value) && value.every((item) => typeof item === "string")
    ? Object.fromEntries(
        value.map((item) => {
          const at = item.indexOf("=")
          return at < 0 ? [item, `\${${item}}`] : [item.slice(0, at), item.slice(at + 1)]
        })
      )
    : value

const OTHERS: Readonly<Record<string, Treatment | ReadonlyArray<Treatment>>> = {
  transport: alias("type", transport),
  transportType: alias("type", transport),
  protocol: alias("type", transport),
  serverUrl: alias("url"),
  httpUrl: alias("url"),
  baseUrl: alias("url"),
  endpoint: alias("url"),
  http_headers: alias("headers"),
  environment: alias("env", variables),
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
  toolFilter: [alias("enabledTools", filter("allow"), noFilter), alias("disabledTools", filter("block"))],
  options: [
    alias("disabled", member("disabled")),
    alias(
      "enabledTools",
      (value) => filter("allow")(options(value)),
      (value) => (options(value) === undefined ? undefined : noFilter(options(value)))
    ),
    alias("disabledTools", (value) => filter("block")(options(value)))
  ],
  timeout: alias("callTimeout", withUnit, unitless),
  requestTimeout: alias("callTimeout", withUnit, unitless),
  connectionTimeout: alias("startTimeout", withUnit, unitless),
  restartOnExit: alias("restart", (value) => (value === false ? false : undefined)),
  autoApprove: ignored(clientSide),
  alwaysAllow: ignored(clientSide),
  trust: ignored(clientSide),
  headersHelper: ignored("it is a program of a client's; give headers"),
  customUserVars: ignored("it asks for values in another program; name variables"),
  serverInstructions: ignored("a server's own instructions are passed on"),
  prompts: ignored("prompts are not filtered"),
  longRunning: ignored("a call may last as long as its server reports progress, up to maxCallTime"),
  requiresOAuth: planned(upstreamSignIn),
  default_tools_approval_mode: ignored(clientSide),
  name: ignored(display),
  title: ignored(display),
  displayName: ignored(display),
  icon: ignored(display),
  icons: ignored(display),
  iconPath: ignored(display),
  logoUrl: ignored(display),
  chatMenu: ignored(display),
  targetAudience: ignored(display),
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
  startup: ignored(processOnly),
  stderr: ignored(processOnly),
  watchPaths: ignored(processOnly),
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
  owner: ignored("users.json says who may use what"),
  visibility: ignored("users.json says who may use what"),
  oauth: planned(upstreamSignIn),
  auth: planned(upstreamSignIn),
  authentication: planned(upstreamSignIn),
  authProviderType: planned(upstreamSignIn),
  bearer_token_env_var: planned(upstreamSignIn),
  credentialTemplate: planned("credentials per person"),
  tools: planned("renaming and describing single tools")
}

/** What other programs write under our own keys. */
const OWN_FORMS: ReadonlyMap<string, (value: unknown) => unknown> = new Map([
  ["type", transport],
  ["env", variables]
])

const OWN: Readonly<Record<string, Treatment>> = Object.fromEntries(
  Object.keys(ServerEntry.fields).map((key) => [key, honoured])
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
    // Forms that nobody filled in leave empty texts behind.
    if (value === undefined || value === "" || Object.hasOwn(entry, of)) return
    entry[of] = value
    spelling[of] = key
  }
  for (const [key, value] of Object.entries(raw)) {
    if (Object.hasOwn(ServerEntry.fields, key)) put(key, OWN_FORMS.get(key)?.(value) ?? value, key)
  }
  for (const [key, value] of Object.entries(raw)) {
    const known = treatments(key)
    if (known.length === 0) unknown.push(key)
    for (const treatment of known) {
      if (treatment._tag === "Alias") {
        put(treatment.of, treatment.translate(value), key)
        const note = treatment.unheard(value)
        if (note !== undefined) notes.push({ key, note })
      } else if (treatment._tag === "Ignored") notes.push({ key, note: treatment.why })
      else if (treatment._tag === "Planned") notes.push({ key, note: `planned: ${treatment.what}` })
    }
  }
  return { entry, spelling, notes, unknown }
}
