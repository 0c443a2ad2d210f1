/** Writes the JSON Schemas of mcp_config.json and users.json; with --check, compares. */
import * as UsersSchema from "../src/access/JsonSchema.ts"
import * as ConfigSchema from "../src/config/JsonSchema.ts"
import { settle } from "./generated.ts"

settle("mcp_config.schema.json", ConfigSchema.text(), "npm run schema")
settle("docs/users.schema.json", UsersSchema.text(), "npm run schema")
