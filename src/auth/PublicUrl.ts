/** Under which URLs the proxy is known, and which of them a token may be for. Pure. */

export interface PublicUrl {
  /** The authorization server's issuer identifier: everywhere the same bytes, without trailing slash (RFC 8414). */
  readonly issuer: string
  /** The merged endpoint, which is also the resource that tokens are for by default (RFC 8707). */
  readonly resource: string
  /** The path of the base URL, which a reverse proxy takes away; empty or with a leading slash. */
  readonly outerPath: string
  /** The path below which we serve; empty or with a leading slash. */
  readonly pathPrefix: string
}

/** Without trailing slashes both; `baseUrl` absolute. */
export const make = (baseUrl: string, pathPrefix: string): PublicUrl => {
  const { pathname } = new URL(baseUrl)
  return {
    issuer: `${baseUrl}${pathPrefix}`,
    resource: `${baseUrl}${pathPrefix}/mcp`,
    outerPath: pathname === "/" ? "" : pathname.replace(/\/+$/u, ""),
    pathPrefix
  }
}

/** The URL of one of our own paths as a browser or client must call it. */
export const of = (url: PublicUrl, path: string): string => `${url.issuer}${path}`

/** The path of one of our own pages as a browser must call it, for links and redirects within the site. */
export const pathOf = (url: PublicUrl, path: string): string => `${url.outerPath}${url.pathPrefix}${path}`

const SERVER = /^[^/?#]+$/u

/**
 * The resource that a `resource` parameter names, spelt as we spell it: the merged endpoint or one server's own. A
 * trailing slash and the case of scheme and host make no difference. Undefined for everything that is not ours.
 * Whether there is such a server plays no part, for the answer would tell.
 */
export const canonicalResource = (url: PublicUrl, text: string): string | undefined => {
  if (!URL.canParse(text)) return undefined
  const named = new URL(text)
  if (named.hash !== "" || named.search !== "" || named.username !== "" || named.password !== "") return undefined
  const plain = `${named.origin}${named.pathname}`.replace(/\/$/u, "")
  // Both went through the same parser, so that default ports and escapes are spelt alike.
  const own = new URL(url.resource)
  const ours = `${own.origin}${own.pathname}`
  if (plain === ours) return url.resource
  const server = plain.startsWith(`${ours}/`) ? plain.slice(ours.length + 1) : ""
  return SERVER.test(server) ? `${url.resource}/${server}` : undefined
}

/** The resource of one server's own endpoint, by the name in its path. */
export const serverResource = (url: PublicUrl, slug: string): string => `${url.resource}/${encodeURIComponent(slug)}`

/** May a token for this audience be used at that resource? One for all servers opens each; never the reverse. */
export const audienceCovers = (url: PublicUrl, audience: string, resource: string): boolean =>
  audience === resource || audience === url.resource
