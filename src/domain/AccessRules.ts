/** Who is let in, and which rules are theirs. */
import * as Permissions from "./Permissions.ts"
import type { Principal } from "./Principal.ts"
import { ADMIN, ANYONE, type Entry, kindOf, type UsersFile } from "./UsersFile.ts"

/** Everything that decides: the file, where there is one, and the lists of the environment, in lower case. */
export interface AccessRules {
  readonly file: UsersFile | undefined
  readonly emails: ReadonlySet<string>
  /** Without `@`. */
  readonly domains: ReadonlySet<string>
}

/** What is known of somebody: a principal, or a person about to become one. */
export type Somebody = Pick<Principal, "kind" | "displayName" | "email" | "hostedDomain">

/** Neither file nor list: anyone with an account gets in, and may use everything. */
export const isOpen = ({ domains, emails, file }: AccessRules): boolean =>
  file === undefined && emails.size === 0 && domains.size === 0

/** A name before the `@`, a domain behind it: no other text may find an entry that is not a person's. */
const emailOf = ({ email }: Somebody): string | undefined =>
  email !== undefined && email.lastIndexOf("@") > 0 ? email.toLowerCase() : undefined

/** The organisation that vouches for the account, then the domain of the e-mail; both are verified. */
const domainsOf = (who: Somebody): ReadonlyArray<string> => {
  const email = emailOf(who)
  const own = email?.slice(email.lastIndexOf("@") + 1)
  return [who.hostedDomain?.toLowerCase(), own].flatMap((domain) => (domain === undefined ? [] : [domain]))
}

/** The keys under which somebody's entry may stand, the most specific first. */
const keysOf = (who: Somebody): ReadonlyArray<string> => {
  if (who.kind === "machine") return kindOf(who.displayName) === "machine" ? [who.displayName, ANYONE] : [ANYONE]
  return [emailOf(who) ?? [], domainsOf(who).map((domain) => `@${domain}`), ANYONE].flat()
}

/**
 * The key of the entry that is somebody's: their own, else their domain's, else `*`. One entry alone counts; the others
 * add nothing to it.
 */
const entryKey = (file: UsersFile, who: Somebody): string | undefined =>
  keysOf(who).find((key) => file.entries.has(key))

const permissionsOf = ({ roles }: UsersFile, entry: Entry): Permissions.Permissions => ({
  admitted: true,
  isAdmin: entry.roles?.includes(ADMIN) === true,
  grants: [entry, ...(entry.roles ?? []).flatMap((name) => roles.get(name) ?? [])]
})

/**
 * Rules made ready: one object of permissions for each entry, so that everyone whose entry it is shares it, and what is
 * computed from it.
 */
export const compile = (rules: AccessRules): ((who: Somebody) => Permissions.Permissions) => {
  const { domains, emails, file } = rules
  const byEntry = new Map<string, Permissions.Permissions>()
  if (file !== undefined) {
    for (const [key, entry] of file.entries) byEntry.set(key, permissionsOf(file, entry))
  }
  return (who) => {
    if (who.kind === "anonymous" || isOpen(rules)) return Permissions.everything
    const key = file === undefined ? undefined : entryKey(file, who)
    const own = key === undefined ? undefined : byEntry.get(key)
    if (own !== undefined) return own
    // The lists are about people. A credential is made by the operator; only a file can say less of it than everything.
    if (who.kind === "machine") return file === undefined ? Permissions.everything : Permissions.nothing
    const email = emailOf(who)
    const isListed = (email !== undefined && emails.has(email)) || domainsOf(who).some((domain) => domains.has(domain))
    return isListed ? Permissions.everything : Permissions.nothing
  }
}

/** How many are named. */
export interface Counts {
  readonly people: number
  readonly domains: number
  readonly machines: number
  readonly anyone: boolean
}

/** Whom file and lists name, each once. */
export const count = ({ domains, emails, file }: AccessRules): Counts => {
  const keys = [...(file?.entries.keys() ?? [])]
  const ofKind = (kind: ReturnType<typeof kindOf>) => keys.filter((key) => kindOf(key) === kind)
  return {
    people: new Set([...ofKind("person"), ...emails]).size,
    domains: new Set([...ofKind("domain"), ...[...domains].map((domain) => `@${domain}`)]).size,
    machines: ofKind("machine").length,
    anyone: ofKind("anyone").length > 0
  }
}
