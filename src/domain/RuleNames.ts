/** What the rules of the users file may call a thing that a server offers. The same at every endpoint, and whatever runs. */
import type { Kind } from "./Catalogue.ts"
import * as Names from "./Names.ts"
import { coversBelow, reachesBelow } from "./Pattern.ts"
import * as ResourceUri from "./ResourceUri.ts"
import { remembering } from "./Remembering.ts"
import { type ServerId, slug } from "./ServerId.ts"
import * as UriSpelling from "./UriSpelling.ts"
import type { Scheme } from "./View.ts"

/** What rules tell apart; a resource template is called by its URI, like a resource. */
export const RULED = ["tools", "prompts", "resources"] as const
export type Ruled = (typeof RULED)[number]

export const ruledOf = (kind: Kind): Ruled => (kind === "resourceTemplates" ? "resources" : kind)

export interface Spelling {
  /** As clients see it at `/mcp`, and as `server/name`. */
  readonly shown: ReadonlyArray<string>
  /** Those, and the server's own name: for patterns that stand beside the servers they are meant for. */
  readonly scoped: ReadonlyArray<string>
}

export interface RuleNames {
  readonly server: ServerId
  /** The ways to spell it; to be allowed, it has to be under each. */
  readonly spellings: ReadonlyArray<Spelling>
  /** Everything that it may be called; denied under one, it is denied. */
  readonly all: ReadonlyArray<string>
}

/** What a rule may call the server itself: its key in the configuration, and the key as it stands in names and paths. */
export const serverNames: (server: ServerId) => ReadonlyArray<string> = remembering((server) => [
  ...new Set([server, slug(server as ServerId)])
])

/** The part before the slash. A key with a slash in it could be taken for another server's `server/name`. */
const beforeSlash = (server: ServerId): ReadonlyArray<string> =>
  serverNames(server).filter((name) => !name.includes("/"))

const unique = (...names: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(names)]

const prefixedNames = (server: ServerId, own: string) => [Names.prefixed(server, own), `${slug(server)}_${own}`]
const plainNames = (own: string) => [Names.shorten(own), own]

const named = (scheme: Scheme, server: ServerId, own: string): RuleNames => {
  const atMcp = [
    ...(scheme.names === "plain" ? [] : prefixedNames(server, own)),
    ...(scheme.names === "prefixed" ? [] : plainNames(own))
  ]
  const shown = unique(...atMcp, ...beforeSlash(server).map((name) => `${name}/${own}`))
  const scoped = unique(...shown, ...plainNames(own))
  const exact = serverNames(server).map((name) => `${name}/${own}`)
  return {
    server,
    spellings: [{ shown, scoped }],
    all: unique(...scoped, ...prefixedNames(server, own), ...exact)
  }
}

const located = (scheme: Scheme, server: ServerId, uri: string): RuleNames | undefined => {
  const spellings = UriSpelling.of(uri)
  if (spellings === undefined) return undefined
  const spelling = (own: string): Spelling => {
    const atMcp = scheme.uris === "prefixed" ? ResourceUri.toPublic(server, own) : own
    const shown = unique(atMcp, ...beforeSlash(server).map((name) => `${name}/${own}`))
    return { shown, scoped: unique(...shown, own) }
  }
  return {
    server,
    spellings: spellings.exact.map(spelling),
    all: unique(
      ...spellings.loose,
      ...spellings.loose.map((own) => ResourceUri.toPublic(server, own)),
      ...serverNames(server).flatMap((name) => spellings.loose.map((own) => `${name}/${own}`))
    )
  }
}

/**
 * The names of an item that its server calls `own`; `scheme` is that of `/mcp`. None for a URI that no rule can be held
 * against.
 */
export const of = (scheme: Scheme, kind: Ruled, server: ServerId, own: string): RuleNames | undefined =>
  kind === "resources" ? located(scheme, server, own) : named(scheme, server, own)

/** May a URI of the form `scheme://{server}/rest`, `scheme:{server}/rest` or `{server}/rest` match? */
const reachesPublicUri = (pattern: string, server: ServerId): boolean => {
  const below = `${slug(server)}/`
  const [, slashes = "", rest] = /^[A-Za-z][A-Za-z0-9+.-]*:(\/{0,2})(.*)$/su.exec(pattern) ?? []
  if (rest === undefined) return /^[A-Za-z0-9+.-]*\*/u.test(pattern) || reachesBelow(pattern, below)
  return reachesBelow(rest, below) || (slashes.length < 2 && rest.startsWith("*"))
}

/** Is there, as far as names tell, an item of the server's that the pattern could match as it is shown? */
export const mayBeShown = (pattern: string, scheme: Scheme, kind: Ruled, server: ServerId): boolean => {
  if (beforeSlash(server).some((name) => reachesBelow(pattern, `${name}/`))) return true
  if (kind === "resources") return scheme.uris === "plain" || reachesPublicUri(pattern, server)
  return scheme.names !== "prefixed" || reachesBelow(pattern, `${slug(server)}_`)
}

/** Does the pattern match something that each item of the server's may be called? */
export const coversAll = (pattern: string, kind: Ruled, server: ServerId): boolean =>
  ["", ...serverNames(server).map((name) => `${name}/`), ...(kind === "resources" ? [] : [`${slug(server)}_`])].some(
    (prefix) => coversBelow(pattern, prefix)
  )
