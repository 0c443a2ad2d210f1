/** The documents by which clients find their way: RFC 8414 (authorization server) and RFC 9728 (protected resource). Pure. */
import { of, type PublicUrl, serverResource } from "./PublicUrl.ts"
import * as Scopes from "./Scopes.ts"

/** The authorization server's metadata. */
export const authorizationServer = (url: PublicUrl): Readonly<Record<string, unknown>> => ({
  issuer: url.issuer,
  authorization_endpoint: of(url, "/authorize"),
  token_endpoint: of(url, "/token"),
  registration_endpoint: of(url, "/register"),
  revocation_endpoint: of(url, "/revoke"),
  scopes_supported: Scopes.SUPPORTED,
  response_types_supported: ["code"],
  response_modes_supported: ["query"],
  grant_types_supported: ["authorization_code", "refresh_token"],
  code_challenge_methods_supported: ["S256"],
  token_endpoint_auth_methods_supported: ["none", "client_secret_post", "client_secret_basic"],
  revocation_endpoint_auth_methods_supported: ["none", "client_secret_post", "client_secret_basic"],
  client_id_metadata_document_supported: true,
  authorization_response_iss_parameter_supported: true
})

/** The metadata of one resource: the merged endpoint, or one server's. `offline_access` is not a resource's to name. */
export const protectedResource = (url: PublicUrl, resource: string): Readonly<Record<string, unknown>> => ({
  resource,
  authorization_servers: [url.issuer],
  scopes_supported: [Scopes.MCP],
  bearer_methods_supported: ["header"]
})

const RESOURCE = "/.well-known/oauth-protected-resource"
const SERVERS = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]

/** What a path below `/mcp` names: the merged endpoint, one server's, or nothing. Which servers there are plays no part. */
const resourceOf = (url: PublicUrl, tail: string): string | undefined => {
  if (tail === "" || tail === "/mcp") return url.resource
  const server = /^\/mcp\/([^/]+)$/u.exec(tail)?.[1]
  if (server === undefined) return undefined
  try {
    return serverResource(url, decodeURIComponent(server))
  } catch {
    return undefined
  }
}

/** What follows one of the beginnings, the longest that fits. */
const after = (path: string, beginnings: ReadonlyArray<string>): string | undefined => {
  const fitting = beginnings.filter((start) => path === start || path.startsWith(`${start}/`))
  const longest = fitting.sort((a, b) => b.length - a.length)[0]
  return longest === undefined ? undefined : path.slice(longest.length)
}

/**
 * The document at a path, as it reaches us. Clients look at the inserted form (`/.well-known/x/path`) and at the
 * suffixed one (`/path/.well-known/x`); a reverse proxy may have taken the outer path away from either. Below a path
 * prefix of our own, the root names nothing.
 */
export const at = (url: PublicUrl, path: string): Readonly<Record<string, unknown>> | undefined => {
  const plain = path.replace(/\/$/u, "")
  const { outerPath, pathPrefix } = url
  const beginnings = (name: string) => [
    `${name}${outerPath}${pathPrefix}`,
    `${name}${pathPrefix}`,
    `${pathPrefix}${name}`
  ]
  const resourceTail = after(plain, beginnings(RESOURCE))
  if (resourceTail !== undefined) {
    const resource = resourceOf(url, resourceTail)
    return resource === undefined ? undefined : protectedResource(url, resource)
  }
  for (const name of SERVERS) {
    // Some clients take the endpoint's own path for the issuer's.
    const tail = after(plain, [...beginnings(name), `${pathPrefix}/mcp${name}`])
    if (tail !== undefined && resourceOf(url, tail) !== undefined) return authorizationServer(url)
  }
  return undefined
}

/** Where a resource's metadata is, as a challenge names it: a place that reaches us whatever the outer proxy passes on. */
export const resourceMetadataUrl = (url: PublicUrl, resource: string): string => {
  const tail = resource.slice(url.issuer.length)
  if (url.outerPath !== "") return `${url.issuer}${RESOURCE}${tail}`
  return `${new URL(url.issuer).origin}${RESOURCE}${url.pathPrefix}${tail}`
}

/** The paths at the root of the host that an outer proxy must pass on unchanged, where it serves us below a path. */
export const outerRoutes = ({ outerPath, pathPrefix }: PublicUrl): ReadonlyArray<string> =>
  outerPath === "" ? [] : [...SERVERS, RESOURCE].map((name) => `${name}${outerPath}${pathPrefix}`)
