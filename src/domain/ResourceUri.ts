/**
 * Resource URIs of several servers in one space, and the way back.
 *
 * `scheme://rest` becomes `scheme://{server}/rest`. Because `file:///path` is what file URIs look like, their empty
 * authority is understood: `file://{server}/path`. The remaining forms get one shape each, so that every URI, even a
 * relative one, comes back unchanged:
 *
 *     data://info          data://{server}/info
 *     data:///info         data://{server}//info
 *     file:///etc/hosts    file://{server}/etc/hosts
 *     file://host/share    file://{server}//host/share
 *     urn:isbn:1           urn:{server}/isbn:1
 *     notes/today          {server}/notes/today
 */
import { type ServerId, slug } from "./ServerId.ts"

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/u

const isFile = (scheme: string): boolean => scheme.toLowerCase() === "file"

/** An empty authority and a path: the shape of nearly every file URI, the one that is written short. */
const isPath = (hier: string): boolean => hier.startsWith("/") && !hier.startsWith("//")

/** The URI, or URI template, under which clients see an upstream's. */
export const toPublic = (server: ServerId, uri: string): string => {
  const name = slug(server)
  const scheme = SCHEME.exec(uri)?.[1]
  if (scheme === undefined) return `${name}/${uri}`
  const rest = uri.slice(scheme.length + 1)
  if (!rest.startsWith("//")) return `${scheme}:${name}/${rest}`
  const hier = rest.slice(2)
  const path = !isFile(scheme) ? `/${hier}` : isPath(hier) ? hier : `//${hier}`
  return `${scheme}://${name}${path}`
}

/** The server named in a public URI, and the URI as that server knows it; undefined where the form is not ours. */
export const fromPublic = (uri: string): { readonly server: string; readonly uri: string } | undefined => {
  const scheme = SCHEME.exec(uri)?.[1]
  const rest = scheme === undefined ? uri : uri.slice(scheme.length + 1)
  const hierarchical = scheme !== undefined && rest.startsWith("//")
  const named = hierarchical ? rest.slice(2) : rest
  const slash = named.indexOf("/")
  if (slash <= 0) return undefined
  const server = named.slice(0, slash)
  const path = named.slice(slash)
  if (scheme === undefined) return { server, uri: path.slice(1) }
  if (!hierarchical) return { server, uri: `${scheme}:${path.slice(1)}` }
  if (!isFile(scheme)) return { server, uri: `${scheme}://${path.slice(1)}` }
  return { server, uri: `${scheme}://${isPath(path) ? path : path.slice(2)}` }
}
