/** Variables of the Python proxy and of FastMCP that this program does not act upon, and what to do instead. */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Values of the seed's example files. Nobody means them. */
export const PLACEHOLDERS: ReadonlySet<string> = new Set([
  "123456789-abc123.apps.googleusercontent.com",
  "123456789-abc123def456.apps.googleusercontent.com",
  "your-client-id.apps.googleusercontent.com",
  "GOCSPX-abc123def456",
  "GOCSPX-abc123def456...",
  "GOCSPX-your-client-secret",
  "https://your-domain.com",
  "https://mcp.your-domain.com",
  "your_jwt_signing_key",
  "your-tenant.us.auth0.com",
  "changeme"
])

const NONE = "there is no equivalent, and none is needed"

/** Variable → its equivalent, as the end of the sentence "NAME is not used: …". */
export const REMNANTS: Readonly<Record<string, string>> = {
  MCP_AUTH_CONFIG_PATH:
    "set MCP_AUTH_PROVIDER=oidc with OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET; for Auth0, MCP_AUTH_PROVIDER=oauth_proxy with AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET",
  MCP_BEARER_TOKEN: "set MCP_AUTH_TOKEN",
  MCP_AUTH_DEBUG: "set MCP_LOG_LEVELS=auth:DEBUG",
  FASTMCP_SERVER_AUTH: "set MCP_AUTH_PROVIDER",
  FASTMCP_SERVER_AUTH_GOOGLE_CLIENT_ID: "set GOOGLE_CLIENT_ID",
  FASTMCP_SERVER_AUTH_GOOGLE_CLIENT_SECRET: "set GOOGLE_CLIENT_SECRET",
  FASTMCP_SERVER_AUTH_GOOGLE_BASE_URL: "set MCP_BASE_URL",
  FASTMCP_SERVER_AUTH_GOOGLE_REQUIRED_SCOPES: "openid, e-mail and profile are asked for",
  FASTMCP_HOME: "state is kept in MCP_DATA_DIR",
  FASTMCP_LOG_LEVEL: "set MCP_LOG_LEVEL",
  FASTMCP_LOG_ENABLED: "set MCP_LOG_LEVEL=NONE",
  FASTMCP_DEBUG: "set MCP_LOG_LEVEL=DEBUG",
  FASTMCP_HOST: "set MCP_HOST",
  FASTMCP_PORT: "set MCP_PORT",
  FASTMCP_STATELESS_HTTP: "sessions survive a restart, so they need not be switched off",
  FASTMCP_JSON_RESPONSE: "answers are JSON unless something has to be streamed",
  FASTMCP_STREAMABLE_HTTP_PATH: "the endpoint is /mcp, below MCP_PATH_PREFIX",
  FASTMCP_SSE_PATH: "clients connect by Streamable HTTP at /mcp",
  FASTMCP_MESSAGE_PATH: "clients connect by Streamable HTTP at /mcp",
  FASTMCP_HTTP_ALLOWED_HOSTS: "set MCP_ALLOWED_HOSTS",
  FASTMCP_HTTP_ALLOWED_ORIGINS: "set MCP_ALLOWED_ORIGINS",
  FASTMCP_HTTP_HOST_ORIGIN_PROTECTION:
    "Host and Origin are always checked; see MCP_ALLOWED_HOSTS and MCP_ALLOWED_ORIGINS",
  FORWARDED_ALLOW_IPS: "set MCP_TRUSTED_PROXIES",
  FASTMCP_ENV_FILE: NONE,
  FASTMCP_MASK_ERROR_DETAILS: NONE,
  FASTMCP_TEST_MODE: NONE
}

const UNKNOWN_FASTMCP = "it is a setting of FastMCP, which this program does not contain"

/** The names of all variables that begin with the path, joined by underscores. */
const namesBelow = (
  provider: ConfigProvider.ConfigProvider,
  path: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const node = yield* Effect.orElseSucceed(provider.load(path), () => undefined)
    if (node === undefined) return []
    const own = node.value === undefined ? [] : [path.join("_")]
    if (node._tag !== "Record") return own
    const below = yield* Effect.forEach(node.keys, (key) => namesBelow(provider, [...path, key]))
    return [...own, ...below.flat()]
  })

/** One warning for each of these variables that is set. */
export const warnings: Effect.Effect<ReadonlyArray<string>> = Effect.gen(function* () {
  const provider = yield* ConfigProvider.ConfigProvider
  const found: Array<string> = []
  const names = new Set([...Object.keys(REMNANTS), ...(yield* namesBelow(provider, ["FASTMCP"]))])
  for (const name of names) {
    const value = yield* Effect.orElseSucceed(Config.option(Config.String(name)), Option.none)
    if (Option.isSome(value) && value.value !== "")
      found.push(`${name} is not used: ${REMNANTS[name] ?? UNKNOWN_FASTMCP}.`)
  }
  return found
})
