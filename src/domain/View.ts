/** What one caller sees: the catalogues of its servers merged under public names, and the way back. */
import * as Apps from "./Apps.ts"
import type { Catalogue, Item, Kind } from "./Catalogue.ts"
import * as Json from "./Json.ts"
import * as Pieces from "./Pieces.ts"
import * as Names from "./Names.ts"
import * as ResourceUri from "./ResourceUri.ts"
import type { Naming } from "./ServerConfig.ts"
import { type ServerId, slug } from "./ServerId.ts"

/** One server of a view, in configuration order. */
export interface Part {
  readonly server: ServerId
  readonly catalogue: Catalogue
}

/** An item under its public name, and whose it is. */
export interface Entry {
  readonly name: string
  readonly server: ServerId
  /** The server's own name for it. */
  readonly original: string
  /** The item as the client is shown it: the server's bytes, the name replaced. */
  readonly bytes: Uint8Array
}

export interface View {
  readonly lists: Readonly<Record<Kind, ReadonlyArray<Entry>>>
  readonly byName: Readonly<Record<"tools" | "prompts", ReadonlyMap<string, Entry>>>
  /** Public names that two servers claim; the first configured one has it. */
  readonly collisions: ReadonlyArray<{ readonly name: string; readonly kept: ServerId; readonly hidden: ServerId }>
}

/** How public names are made in a view. */
export interface Scheme {
  /** Tools and prompts: with their server's prefix, without, or only where they would collide. */
  readonly names: "prefixed" | "plain" | "collisions"
  readonly uris: "prefixed" | "plain"
}

/** The scheme of the merged endpoint with so many enabled servers. Whether they are up plays no part. */
export const schemeFor = (naming: Naming, servers: number): Scheme => {
  const several = servers > 1
  if (naming === "always" || (naming === "auto" && several)) return { names: "prefixed", uris: "prefixed" }
  return { names: several ? "collisions" : "plain", uris: several ? "prefixed" : "plain" }
}

/** The scheme of a server's own endpoint. */
export const plain: Scheme = { names: "plain", uris: "plain" }

const isUri = (kind: Kind): boolean => kind === "resources" || kind === "resourceTemplates"

const inOrder = (a: Json.Edit, b: Json.Edit): number => a.span.start - b.span.start

/** The item under its public name, and a tool's page under its public URI. */
const renamed = ({ at, bytes, name: own }: Item, name: string, rename: ((uri: string) => string) | undefined) => {
  const names = name === own ? [] : [{ span: at, by: Json.encode(name) }]
  const pages = rename === undefined ? [] : Apps.edits(bytes, Apps.metaOf(bytes), rename)
  const edits = [...names, ...pages]
  return edits.length === 0 ? bytes : Pieces.join(Json.splice(bytes, edits.sort(inOrder)))
}

/** Names that more than one server has. */
const contested = (parts: ReadonlyArray<Part>, kind: Kind): ReadonlySet<string> => {
  const owner = new Map<string, ServerId>()
  const found = new Set<string>()
  for (const { catalogue, server } of parts) {
    for (const { name } of catalogue.lists[kind]) {
      const other = owner.get(name)
      if (other === undefined) owner.set(name, server)
      else if (other !== server) found.add(name)
    }
  }
  return found
}

const mergeList = (
  parts: ReadonlyArray<Part>,
  kind: Kind,
  scheme: Scheme,
  collisions: Array<View["collisions"][number]>
): ReadonlyArray<Entry> => {
  const entries = new Map<string, Entry>()
  const prefixedNames = scheme.names === "collisions" && !isUri(kind) ? contested(parts, kind) : new Set<string>()
  for (const { catalogue, server } of parts) {
    const rename =
      kind === "tools" && scheme.uris === "prefixed" ? (uri: string) => ResourceUri.toPublic(server, uri) : undefined
    for (const item of catalogue.lists[kind]) {
      const name = isUri(kind)
        ? scheme.uris === "prefixed"
          ? ResourceUri.toPublic(server, item.name)
          : item.name
        : scheme.names === "prefixed" || prefixedNames.has(item.name)
          ? Names.prefixed(server, item.name)
          : Names.shorten(item.name)
      const other = entries.get(name)
      if (other === undefined)
        entries.set(name, { name, server, original: item.name, bytes: renamed(item, name, rename) })
      else collisions.push({ name, kept: other.server, hidden: server })
    }
  }
  return [...entries.values()]
}

const index = (entries: ReadonlyArray<Entry>): ReadonlyMap<string, Entry> =>
  new Map(entries.map((entry) => [entry.name, entry]))

/** Merges catalogues: configuration order, then each server's own. */
export const merge = (parts: ReadonlyArray<Part>, scheme: Scheme): View => {
  const collisions: Array<View["collisions"][number]> = []
  const list = (kind: Kind) => mergeList(parts, kind, scheme, collisions)
  const tools = list("tools")
  const prompts = list("prompts")
  return {
    lists: { tools, prompts, resources: list("resources"), resourceTemplates: list("resourceTemplates") },
    byName: { tools: index(tools), prompts: index(prompts) },
    collisions
  }
}

/**
 * The tools that a page calls by its server's own name for them: those of servers that have pages at all. Hosts pass on what
 * pages say, and pages know no prefix.
 */
export const calledByPages = ({ lists }: View, name: string): ReadonlyArray<Entry> => {
  const named = lists.tools.filter(({ original }) => original === name)
  return named.filter(({ server }) => lists.tools.some((tool) => tool.server === server && Apps.hasPage(tool.bytes)))
}

/** The server whose prefix a public name bears, where no catalogue is there to tell. */
export const serverByPrefix = (servers: ReadonlyArray<ServerId>, name: string): ServerId | undefined =>
  servers.filter((server) => name.startsWith(`${slug(server)}_`)).sort((a, b) => slug(b).length - slug(a).length)[0]

/** What follows the server's prefix in a public name. */
export const withoutPrefix = (server: ServerId, name: string): string | undefined =>
  name.startsWith(`${slug(server)}_`) ? name.slice(slug(server).length + 1) : undefined

/** Whose resource a public URI names, and how that server calls it. Schemes and hosts may have been lower-cased. */
export const resourceOwner = (
  servers: ReadonlyArray<ServerId>,
  scheme: Scheme,
  uri: string
): { readonly server: ServerId; readonly uri: string } | undefined => {
  const only = servers[0]
  if (scheme.uris === "plain") return only === undefined ? undefined : { server: only, uri }
  const found = ResourceUri.fromPublic(uri)
  if (found === undefined) return undefined
  const server =
    servers.find((id) => slug(id) === found.server) ??
    servers.find((id) => slug(id).toLowerCase() === found.server.toLowerCase())
  return server === undefined ? undefined : { server, uri: found.uri }
}
