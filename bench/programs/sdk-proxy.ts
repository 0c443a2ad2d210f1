/**
 * A proxy as the official SDK has one built: its Server before its Client, a server for each session, one client for all.
 * `node sdk-proxy.js PORT stdio COMMAND ARGUMENT…`, or `node sdk-proxy.js PORT http URL`.
 */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { CallToolRequestSchema, ListToolsRequestSchema, ResultSchema } from "@modelcontextprotocol/sdk/types.js"
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

const [port, kind, target = "", ...args] = process.argv.slice(2)

const client = new Client({ name: "sdk-proxy", version: "1" })
const upstream =
  kind === "stdio"
    ? new StdioClientTransport({ command: target, args })
    : new StreamableHTTPClientTransport(new URL(target))
await client.connect(upstream as Transport)

const sessions = new Map<string, StreamableHTTPServerTransport>()

const begin = async (): Promise<StreamableHTTPServerTransport> => {
  const server = new Server({ name: "sdk-proxy", version: "1" }, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, ({ method, params }) =>
    client.request({ method, params }, ResultSchema)
  )
  server.setRequestHandler(CallToolRequestSchema, ({ method, params }, { sendNotification }) => {
    const { _meta: meta, ...rest } = params
    const progressToken = meta?.progressToken
    if (progressToken === undefined) return client.request({ method, params }, ResultSchema)
    return client.request({ method, params: rest }, ResultSchema, {
      onprogress: (progress) =>
        void sendNotification({ method: "notifications/progress", params: { ...progress, progressToken } })
    })
  })
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport)
  })
  await server.connect(transport as Transport)
  return transport
}

const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const id = request.headers["mcp-session-id"]
  const transport = (typeof id === "string" ? sessions.get(id) : undefined) ?? (await begin())
  await transport.handleRequest(request, response)
}

process.on("SIGTERM", () => process.exit(0))
createServer({ keepAliveTimeout: 600_000 }, (request, response) => void onRequest(request, response)).listen(
  Number(port),
  "127.0.0.1"
)
