/** mcp_config.schema.json: what editors know about mcp_config.json. Made from `domain/GatewayConfig`, never written by hand. */
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import { TRANSPORT_SPELLINGS } from "./KnownKeys.ts"
import { GatewayFile } from "../domain/GatewayConfig.ts"

/**
 * The JSON Schema (draft 2020-12) of the configuration file. Unknown keys are slips of the pen, except in the entry of a
 * server, where the spellings of other clients are welcome (`KnownKeys`).
 */
export const make = (): JsonSchema.JsonSchema => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(GatewayFile, { onExcessProperty: "error" })
  const server = definitions["Server"] as { readonly properties: Readonly<Record<string, object>> }
  const { type = {}, ...properties } = server.properties
  return {
    $schema: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12,
    ...schema,
    $defs: {
      ...definitions,
      Server: {
        ...server,
        properties: { type: { ...type, enum: TRANSPORT_SPELLINGS }, ...properties },
        additionalProperties: true
      }
    }
  }
}

/** The same as the text of the file. */
export const text = (): string => `${JSON.stringify(make(), undefined, 2)}\n`
