/** Flags that several commands have. */
import * as Flag from "effect/cli/Flag"

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print the result as JSON, for programs"),
  Flag.withDefault(false)
)

export const url = Flag.String("url").pipe(
  Flag.withDescription("Ask a running proxy, or any Streamable HTTP server, at this MCP endpoint"),
  Flag.withMetavar("http://…/mcp"),
  Flag.optional
)

export const token = Flag.Redacted("token").pipe(Flag.withDescription("Bearer token for --url"), Flag.optional)
