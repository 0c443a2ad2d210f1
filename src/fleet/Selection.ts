/** What of a server's offer somebody may use: what the configuration leaves in, and the policy allows. */
import { type Catalogue, isOffered, KINDS, type Lists, Shelf } from "../domain/Catalogue.ts"
import * as Permissions from "../domain/Permissions.ts"
import { rememberingOf } from "../domain/Remembering.ts"
import { RULED, ruledOf } from "../domain/RuleNames.ts"
import type { ServerConfig } from "../domain/ServerConfig.ts"
import type { ServerId } from "../domain/ServerId.ts"
import type { Scheme } from "../domain/View.ts"
import type { Peer, UpstreamState } from "../upstream/Upstream.ts"

/**
 * Selects. Catalogues are computed once for each set of permissions, and equal ones are one object, so that people who may
 * use the same share their views.
 */
export class Selection {
  private readonly scheme: Scheme
  /** The servers of which tools are left out. */
  private readonly filters: ReadonlyMap<ServerId, ServerConfig>
  private readonly shelves = new Map<ServerId, Shelf>()
  private readonly selected = rememberingOf<Permissions.Permissions, WeakMap<Catalogue, Catalogue>>(() => new WeakMap())
  /** Asked for every server with every list, and the same until a server or the policy changes. */
  private readonly reached = rememberingOf<
    Permissions.Permissions,
    Map<ServerId, { readonly state: UpstreamState; readonly has: boolean }>
  >(() => new Map())

  /** `scheme` is that of `/mcp`: rules call things by their names there. */
  constructor(scheme: Scheme, servers: ReadonlyArray<ServerConfig>) {
    this.scheme = scheme
    const filtered = servers.filter(
      ({ disabledTools, enabledTools }) => disabledTools.length > 0 || enabledTools !== undefined
    )
    this.filters = new Map(filtered.map((server) => [server.id, server]))
  }

  /** The catalogue without what may not be used. */
  of(permissions: Permissions.Permissions, server: ServerId, catalogue: Catalogue): Catalogue {
    if (Permissions.isUnrestricted(permissions, server) && !this.filters.has(server)) return catalogue
    const known = this.selected(permissions)
    const found = known.get(catalogue)
    if (found !== undefined) return found
    const made = this.select(permissions, server, catalogue)
    known.set(catalogue, made)
    return made
  }

  private select(permissions: Permissions.Permissions, server: ServerId, catalogue: Catalogue): Catalogue {
    const lists: Lists = {
      tools: this.kept(permissions, server, catalogue, "tools"),
      prompts: this.kept(permissions, server, catalogue, "prompts"),
      resources: this.kept(permissions, server, catalogue, "resources"),
      resourceTemplates: this.kept(permissions, server, catalogue, "resourceTemplates")
    }
    if (KINDS.every((kind) => lists[kind].length === catalogue.lists[kind].length)) return catalogue
    const shelf = this.shelves.get(server) ?? new Shelf()
    this.shelves.set(server, shelf)
    return shelf.shelve(lists)
  }

  private kept(
    permissions: Permissions.Permissions,
    server: ServerId,
    { lists }: Catalogue,
    kind: keyof Lists
  ): Lists["tools"] {
    return lists[kind].filter(({ name }) => this.mayUse(permissions, kind, server, name))
  }

  /** May what the server calls `own` be used? */
  mayUse(permissions: Permissions.Permissions, kind: keyof Lists, server: ServerId, own: string): boolean {
    const filter = kind === "tools" ? this.filters.get(server) : undefined
    if (filter !== undefined && !isOffered(own, filter)) return false
    return Permissions.mayUse(permissions, this.scheme, ruledOf(kind), server, own)
  }

  /**
   * Is there anything of the server that may be used? A server that was never up could offer whatever the rules would
   * allow. One that is known has to offer it; of resources it need not list what it has.
   */
  hasAny(permissions: Permissions.Permissions, server: ServerId, state: UpstreamState): boolean {
    const known = this.reached(permissions)
    const found = known.get(server)
    if (found?.state === state) return found.has
    const has = this.reaches(permissions, server, state)
    known.set(server, { state, has })
    return has
  }

  private reaches(permissions: Permissions.Permissions, server: ServerId, { catalogue, peer }: UpstreamState): boolean {
    if (Permissions.isUnrestricted(permissions, server)) return true
    return RULED.some((kind) => {
      if (!Permissions.reaches(permissions, this.scheme, kind, server)) return false
      if (peer === undefined) return true
      if (peer.capabilities[kind] === undefined) return false
      const offered = catalogue.lists[kind].length
      return kind === "resources" || offered === 0 || this.of(permissions, server, catalogue).lists[kind].length > 0
    })
  }

  /**
   * Does the server have that capability, as far as they are concerned? Of one that has never been up nothing is known:
   * its lists may yet come.
   */
  declares(permissions: Permissions.Permissions, server: ServerId, peer: Peer | undefined, name: string): boolean {
    const kind = RULED.find((ruled) => ruled === name)
    if (peer === undefined ? kind === undefined : peer.capabilities[name] === undefined) return false
    if (kind === undefined || Permissions.isUnrestricted(permissions, server)) return true
    return Permissions.reaches(permissions, this.scheme, kind, server)
  }
}
