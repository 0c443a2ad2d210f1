// A remote server behind the library mcp-proxy, put together as its README says: `node mcp-proxy-http.mjs PORT URL ERA`.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Server } from "@modelcontextprotocol/server"
import { proxyServer, startHTTPServer } from "mcp-proxy"

const [port, url, era] = process.argv.slice(2)
const options = era === "modern" ? { versionNegotiation: { mode: "auto" } } : {}
const client = new Client({ name: "mcp-proxy", version: "1" }, options)
await client.connect(new StreamableHTTPClientTransport(new URL(url)))
const serverCapabilities = client.getServerCapabilities()

await startHTTPServer({
  createServer: async () => {
    const server = new Server(client.getServerVersion() ?? { name: "bench", version: "1" }, {
      capabilities: serverCapabilities
    })
    await proxyServer({ client, server, serverCapabilities })
    return server
  },
  host: "127.0.0.1",
  port: Number(port)
})
