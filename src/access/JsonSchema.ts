/** docs/users.schema.json: what editors know about users.json. Made from `domain/UsersFile`, never written by hand. */
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import { Document } from "../domain/UsersFile.ts"

/** The JSON Schema (draft 2020-12) of users.json. */
export const make = (): JsonSchema.JsonSchema => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(Document, { onExcessProperty: "error" })
  const { entries, ...properties } = schema["properties"] as Readonly<Record<string, JsonSchema.JsonSchema>>
  return {
    $schema: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12,
    title: "Who may do what: users.json of the MCP Proxy Server",
    type: "object",
    properties,
    additionalProperties: entries?.["additionalProperties"],
    $defs: definitions
  }
}

/** The same as the text of the file. */
export const text = (): string => `${JSON.stringify(make(), undefined, 2)}\n`
