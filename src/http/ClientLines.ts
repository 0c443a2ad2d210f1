/** What a person pastes into a client to connect it to this proxy. */

/** The line for Claude Code. */
export const claudeCode = (url: string): string => `claude mcp add --transport http mcp-proxy ${url}`

/** The JSON for clients with an `mcpServers` file. */
export const json = (url: string): string =>
  JSON.stringify({ mcpServers: { "mcp-proxy": { type: "http", url } } }, null, 2)
