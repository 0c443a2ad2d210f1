/** What somebody may use: the rules of users.json, in one pure function. */
import { isEverything, matches } from "./Pattern.ts"
import * as RuleNames from "./RuleNames.ts"
import type { ServerId } from "./ServerId.ts"
import type { Grant } from "./UsersFile.ts"
import type { Scheme } from "./View.ts"

export interface Permissions {
  /** May they sign in at all? */
  readonly admitted: boolean
  /** May they use the operator's routes? Says nothing about tools. */
  readonly isAdmin: boolean
  /** What their entry says, and what each of its roles says. */
  readonly grants: ReadonlyArray<Grant>
}

/** Those whom no rule concerns. */
export const everything: Permissions = { admitted: true, isAdmin: false, grants: [{ allowed_tools: ["*"] }] }

/** Those who are not let in. */
export const nothing: Permissions = { admitted: false, isAdmin: false, grants: [] }

/** `allowed_tools: ["*"]` alone, as the seed wrote it, stands for all servers. */
const serversOf = (grant: Grant): ReadonlyArray<string> | undefined =>
  grant.allowed_servers ?? (grant.allowed_tools?.some(isEverything) === true ? ["*"] : undefined)

const ALLOWED = { tools: "allowed_tools", prompts: "allowed_prompts", resources: "allowed_resources" } as const
const DENIED = { tools: "denied_tools", prompts: "denied_prompts", resources: "denied_resources" } as const

const some = (patterns: ReadonlyArray<string> | undefined, names: ReadonlyArray<string>): boolean =>
  patterns?.some((pattern) => names.some((name) => matches(pattern, name))) === true

/** Hosts and paths that differ in case may be one file all the same. */
const someInAnyCase = (patterns: ReadonlyArray<string> | undefined, names: ReadonlyArray<string>): boolean =>
  some(
    patterns?.map((pattern) => pattern.toLowerCase()),
    names.map((name) => name.toLowerCase())
  )

/** A pattern is meant for the servers that it stands beside; where it stands alone, it has to say whose name it means. */
const allows = (
  grant: Grant,
  kind: RuleNames.Ruled,
  server: ServerId,
  { scoped, shown }: RuleNames.Spelling
): boolean => {
  const servers = serversOf(grant)
  const list = grant[ALLOWED[kind]]
  if (servers === undefined) return some(list, shown)
  return some(servers, RuleNames.serverNames(server)) && (list === undefined || some(list, scoped))
}

const denies = (grant: Grant, kind: RuleNames.Ruled, names: RuleNames.RuleNames): boolean =>
  some(grant.denied_servers, RuleNames.serverNames(names.server)) ||
  (kind === "resources" ? someInAnyCase : some)(grant[DENIED[kind]], names.all)

/**
 * The one rule. A thing may be used if the entry or one of its roles allows it, and neither the entry nor any of its
 * roles denies it.
 *
 * One grant allows
 * - what matches its list and is of a server in `allowed_servers`;
 * - everything of a server in `allowed_servers` for which it has no list;
 * - what matches its list, where it has no `allowed_servers`; and then nothing else, unless `allowed_tools` holds `*`,
 *   which stands for `allowed_servers: ["*"]`.
 *
 * An empty list allows nothing. A resource has to be allowed however its URI is spelled, and is denied if one spelling is.
 */
export const permits = (
  { grants }: Permissions,
  kind: RuleNames.Ruled,
  names: RuleNames.RuleNames | undefined
): boolean =>
  names !== undefined &&
  !grants.some((grant) => denies(grant, kind, names)) &&
  names.spellings.every((spelling) => grants.some((grant) => allows(grant, kind, names.server, spelling)))

/** May they use everything of a server, now and whatever it may come to offer? Then there is nothing to ask for each item. */
export const isUnrestricted = ({ grants }: Permissions, server: ServerId): boolean =>
  grants.every((grant) => {
    const { denied_prompts, denied_resources, denied_servers, denied_tools } = grant
    return [denied_prompts, denied_resources, denied_servers, denied_tools].every((list) => (list ?? []).length === 0)
  }) &&
  grants.some(
    (grant) =>
      some(serversOf(grant), RuleNames.serverNames(server)) &&
      RuleNames.RULED.every((kind) => grant[ALLOWED[kind]]?.some(isEverything) !== false)
  )

/** May they use what the server calls `own`? `scheme` is that of `/mcp`, at whatever endpoint it is asked for. */
export const mayUse = (
  permissions: Permissions,
  scheme: Scheme,
  kind: RuleNames.Ruled,
  server: ServerId,
  own: string
): boolean => isUnrestricted(permissions, server) || permits(permissions, kind, RuleNames.of(scheme, kind, server, own))

/**
 * Could there be something of that kind at the server that they may use? True where patterns cannot tell; `scheme` is that
 * of `/mcp`.
 */
export const reaches = ({ grants }: Permissions, scheme: Scheme, kind: RuleNames.Ruled, server: ServerId): boolean =>
  !grants.some(
    (grant) =>
      some(grant.denied_servers, RuleNames.serverNames(server)) ||
      grant[DENIED[kind]]?.some((pattern) => RuleNames.coversAll(pattern, kind, server)) === true
  ) &&
  grants.some((grant) => {
    const servers = serversOf(grant)
    const list = grant[ALLOWED[kind]]
    if (servers === undefined)
      return list?.some((pattern) => RuleNames.mayBeShown(pattern, scheme, kind, server)) === true
    return some(servers, RuleNames.serverNames(server)) && (list === undefined || list.length > 0)
  })
