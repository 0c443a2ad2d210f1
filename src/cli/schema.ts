/** `schema`: the JSON Schema of mcp_config.json. */
import * as Command from "effect/cli/Command"
import * as JsonSchema from "../config/JsonSchema.ts"
import * as Output from "./Output.ts"

export const schema = Command.make("schema", {}, () => Output.print(JsonSchema.text().trimEnd())).pipe(
  Command.withDescription("Print the JSON Schema of mcp_config.json, for editors"),
  Command.withExamples([{ command: "mcp-proxy-server schema > mcp_config.schema.json", description: "Save it" }])
)
