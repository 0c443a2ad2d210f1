/** Writes mcp_config.schema.json; with --check, compares. */
import * as JsonSchema from "../src/config/JsonSchema.ts"
import { settle } from "./generated.ts"

settle("mcp_config.schema.json", JsonSchema.text(), "npm run schema")
