/** The policy in a sentence, and what in it looks like a mistake. */
import { type AccessRules, count, isOpen } from "../domain/AccessRules.ts"
import { nearest } from "../domain/Names.ts"
import { matches } from "../domain/Pattern.ts"
import { serverNames } from "../domain/RuleNames.ts"
import type { ServerId } from "../domain/ServerId.ts"

export interface Summary {
  readonly level: "info" | "warning"
  readonly text: string
}

const plural = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`

/** Whom the rules let in; `path` is where the file is or would be. */
export const of = (rules: AccessRules, path: string): Summary => {
  if (isOpen(rules)) {
    const text = `Anyone with an account can sign in and use everything. To choose whom you let in, set MCP_ALLOWED_EMAILS or MCP_ALLOWED_DOMAINS, or write ${path}.`
    return { level: "warning", text }
  }
  const { anyone, domains, machines, people } = count(rules)
  const named = [
    plural(people, "person", "people"),
    ...(machines === 0 ? [] : [plural(machines, "machine credential", "machine credentials")]),
    plural(domains, "domain", "domains")
  ]
  const list = `${named.slice(0, -1).join(", ")} and ${named.at(-1)}`
  const sources = [
    ...(rules.file === undefined ? [] : [path]),
    ...(rules.emails.size === 0 ? [] : ["MCP_ALLOWED_EMAILS"]),
    ...(rules.domains.size === 0 ? [] : ["MCP_ALLOWED_DOMAINS"])
  ].join(", ")
  const text = anyone
    ? `Anyone with an account can sign in; ${list} have rules of their own (${sources}).`
    : `${list} can sign in (${sources}).`
  return { level: people + domains + machines === 0 && !anyone ? "warning" : "info", text }
}

/** Patterns for servers that match none of these. */
export const strangers = ({ file }: AccessRules, servers: ReadonlyArray<ServerId>): ReadonlyArray<string> => {
  if (file === undefined) return []
  const names = servers.flatMap(serverNames)
  const grants = [
    ...[...file.roles].map(([name, role]) => [`roles.${name}`, role] as const),
    ...[...file.entries].map(([key, entry]) => [JSON.stringify(key), entry] as const)
  ]
  return grants.flatMap(([where, grant]) =>
    (["allowed_servers", "denied_servers"] as const).flatMap((list) =>
      (grant[list] ?? []).flatMap((pattern, index) => {
        if (pattern.includes("*") || names.some((name) => matches(pattern, name))) return []
        const near = nearest(pattern, names, 1)[0]
        const hint = near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`
        return [`${where}.${list}[${index}]: there is no server ${JSON.stringify(pattern)}${hint}`]
      })
    )
  )
}
