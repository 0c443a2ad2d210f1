/** users.json as a Schema: the source of docs/users.schema.json and of every complaint. */
import * as Schema from "effect/Schema"

const patterns = (description: string) =>
  Schema.optionalKey(Schema.Array(Schema.NonEmptyString).annotate({ description }))

/** What may be used, and what may not. In every pattern `*` stands for any characters. */
const lists = {
  allowed_servers: patterns("Servers that may be used, by their names in mcp_config.json."),
  allowed_tools: patterns(
    'Tools that may be used, by the names that clients see or as "server/tool". Absent: all of the allowed servers. "*" without allowed_servers: everything there is.'
  ),
  allowed_prompts: patterns("The same for prompts."),
  allowed_resources: patterns('The same for resources, by the URIs that clients see or as "server/uri".'),
  denied_servers: patterns("Servers that may not be used. Whatever is denied is denied, whoever allows it."),
  denied_tools: patterns("Tools that may not be used."),
  denied_prompts: patterns("Prompts that may not be used."),
  denied_resources: patterns("Resources that may not be used.")
}

/** What may be used and what not, as one entry or one role says it. */
export const Grant = Schema.Struct(lists)
export type Grant = typeof Grant.Type

/** One entry of `roles`. */
export const Role = Schema.Struct({
  description: Schema.optionalKey(Schema.String.annotate({ description: "What the role is for, for people." })),
  ...lists
}).annotate({ identifier: "Role", description: "What everybody who has the role may use, beside their own." })
export type Role = typeof Role.Type

/** A person, a domain, anyone, or a machine credential. */
export const Entry = Schema.Struct({
  name: Schema.optionalKey(Schema.String.annotate({ description: "Who this is, for people." })),
  roles: Schema.optionalKey(
    Schema.Array(Schema.NonEmptyString).annotate({
      description:
        'Names of roles; what they allow is added. "admin" opens the operator\'s pages and needs no definition.'
    })
  ),
  ...lists
}).annotate({ identifier: "Entry", description: "Whom to let in, and what they may use." })
export type Entry = typeof Entry.Type

/** The role that opens the operator's routes. */
export const ADMIN = "admin"

/** The entry of anyone who has none that is more their own. */
export const ANYONE = "*"

/** The whole file, but that `entries` are its other keys: nobody can be called `roles` or `$schema`. */
export const Document = Schema.Struct({
  $schema: Schema.optionalKey(Schema.String),
  roles: Schema.optionalKey(Schema.Record(Schema.String, Role).annotate({ description: "Roles, by name." })),
  entries: Schema.Record(Schema.String, Entry)
})

/** A file without problems. E-mails and domains are in lower case, domains with their `@`. */
export interface UsersFile {
  readonly roles: ReadonlyMap<string, Role>
  readonly entries: ReadonlyMap<string, Entry>
}

/** What a key of the file names: `ann@example.com`, `@example.com`, `*`, or else a machine credential. */
export const kindOf = (key: string): "person" | "domain" | "anyone" | "machine" => {
  if (key === ANYONE) return "anyone"
  if (key.startsWith("@")) return "domain"
  return key.includes("@") ? "person" : "machine"
}

/** The key as it is looked up. */
export const normalized = (key: string): string => (key.includes("@") ? key.toLowerCase() : key)
