/** Where the proxy listens, under which address it is known, and whom it listens to. */
import * as Result from "effect/Result"
import * as Option from "effect/Option"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Setting from "../settings/Setting.ts"

/** First path segments that are ours already. */
const RESERVED = new Set([
  "mcp",
  "health",
  "ready",
  "auth",
  "authorize",
  "token",
  "register",
  "revoke",
  "dcr",
  "metrics",
  "admin"
])

/** Characters of a token that nobody guesses. */
const MINIMUM_TOKEN = 16

const decodeBaseUrl = (value: string): Result.Result<Option.Option<string>, string> => {
  const expected = "an absolute http:// or https:// URL without query or fragment"
  if (!URL.canParse(value)) return Result.fail(expected)
  const url = new URL(value)
  const isPlain = url.search === "" && url.hash === "" && url.username === "" && url.password === ""
  if (!/^https?:$/u.test(url.protocol) || !isPlain) return Result.fail(expected)
  return Result.succeed(Option.some(url.href.replace(/\/+$/u, "")))
}

const decodePrefix = (value: string): Result.Result<string, string> => {
  const segments = value.split("/").filter((segment) => segment !== "")
  const first = segments[0]
  if (first === undefined) return Result.succeed("")
  if (segments.some((segment) => !/^[A-Za-z0-9._~-]+$/u.test(segment) || /^\.+$/u.test(segment))) {
    return Result.fail("path segments of letters, digits, '.', '_', '~' and '-'")
  }
  if (RESERVED.has(first) || first.startsWith(".well-known"))
    return Result.fail(`something else than the reserved word "${first}"`)
  return Result.succeed(`/${segments.join("/")}`)
}

const decodeNetworks = (value: string): Result.Result<ReadonlyArray<IpNetwork.IpNetwork>, string> => {
  const networks: Array<IpNetwork.IpNetwork> = []
  for (const item of Setting.items(value)) {
    const network = IpNetwork.fromString(item.includes("/") ? item : `${item}/${item.includes(":") ? 128 : 32}`)
    if (Result.isFailure(network)) return Result.fail("addresses, or networks such as 10.0.0.0/8")
    networks.push(network.success)
  }
  return Result.succeed(networks)
}

export const settings = {
  host: Setting.optional({
    name: "MCP_HOST",
    description: "Address to listen on. Unset: 0.0.0.0; without sign-in, 127.0.0.1."
  }),
  port: Setting.integer({
    name: "MCP_PORT",
    description: "Port to listen on.",
    fallback: 8080,
    minimum: 1,
    maximum: 65_535
  }),
  baseUrl: Setting.custom<Option.Option<string>>({
    name: "MCP_BASE_URL",
    description: "The address under which clients reach the proxy. Unset without sign-in: http://localhost:{port}.",
    fallback: "",
    absent: Option.none(),
    decode: decodeBaseUrl
  }),
  pathPrefix: Setting.custom({
    name: "MCP_PATH_PREFIX",
    description: "Serve everything below this path, for example /team-a.",
    fallback: "",
    absent: "",
    decode: decodePrefix
  }),
  allowedOrigins: Setting.list({
    name: "MCP_ALLOWED_ORIGINS",
    description: "Further web origins whose pages may call the proxy, comma-separated; * for all.",
    item: /^(?:\*|[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+\/?)$/iu,
    expected: "origins such as https://app.example.com, comma-separated, or *"
  }),
  allowedHosts: Setting.list({
    name: "MCP_ALLOWED_HOSTS",
    description: "Further Host names under which the proxy may be called, comma-separated; * for all.",
    item: /^(?:\*|[a-z0-9._-]+(?::\d+)?|\[[0-9a-f:.]+\](?::\d+)?)$/iu,
    expected: "names such as mcp.example.com or mcp.example.com:8443, comma-separated, or *"
  }),
  trustedProxies: Setting.custom<ReadonlyArray<IpNetwork.IpNetwork>>({
    name: "MCP_TRUSTED_PROXIES",
    description: "Addresses or networks of reverse proxies whose X-Forwarded-* headers are believed, comma-separated.",
    fallback: "",
    absent: [],
    decode: decodeNetworks
  }),
  metricsToken: Setting.secret({
    name: "MCP_METRICS_TOKEN",
    description: `A bearer token with which /metrics may be read from other machines: ${MINIMUM_TOKEN} characters or more. Without it, only from this machine and by administrators.`,
    minimum: MINIMUM_TOKEN
  }),
  stallTime: Setting.duration({
    name: "MCP_STALL_TIME",
    description: "How long a client may read nothing of what waits for it before its connection is ended.",
    fallback: "60 s"
  }),
  shutdownDelay: Setting.duration({
    name: "MCP_SHUTDOWN_DELAY",
    description:
      "How long after SIGTERM or SIGINT everything goes on but for /ready, which says no: for load balancers to notice.",
    fallback: "0 s"
  }),
  shutdownGrace: Setting.duration({
    name: "MCP_SHUTDOWN_GRACE",
    description: "How long, after that, calls in flight may go on, and open connections are served.",
    fallback: "10 s"
  })
}
