/**
 * The limit for remote servers: node:http before undici's dispatch, bodies passed on as they come. `node limit-http.js PORT
 * URL`
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Pool } from "undici"

const [port, target = ""] = process.argv.slice(2)
const url = new URL(target)
const pool = new Pool(url.origin, { headersTimeout: 0, bodyTimeout: 0 })

const FORWARDED = ["accept", "content-type", "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"]
const RETURNED = ["content-type", "content-length", "mcp-session-id"]
/** Below this, one buffer is cheaper than several. */
const SMALL = 16_384

const pass = (request: IncomingMessage, body: Buffer | null, response: ServerResponse): void => {
  const headers: Record<string, string> = {}
  for (const name of FORWARDED) {
    const value = request.headers[name]
    if (typeof value === "string") headers[name] = value
  }
  let left = 0
  pool.dispatch(
    { method: request.method === "POST" ? "POST" : "GET", path: url.pathname, headers, body },
    {
      onRequestStart: () => {},
      onResponseStart: (_, status, given) => {
        const kept: Record<string, string> = {}
        for (const name of RETURNED) {
          const value = given[name]
          if (typeof value === "string") kept[name] = value
        }
        left = Number(kept["content-length"] ?? -1)
        response.writeHead(status, kept)
      },
      onResponseData: (_, chunk) => {
        // The whole of a short answer goes out with its head.
        if (chunk.length === left && left <= SMALL) response.end(chunk.toString("latin1"), "latin1")
        else response.write(chunk)
      },
      onResponseEnd: () => {
        if (!response.writableEnded) response.end()
      },
      onResponseError: (_, error) => {
        if (!response.headersSent) response.writeHead(502)
        response.end(error.message)
      }
    }
  )
}

process.on("SIGTERM", () => process.exit(0))
createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const [first = null] = chunks
    pass(request, chunks.length <= 1 ? first : Buffer.concat(chunks), response)
  })
}).listen(Number(port), "127.0.0.1")
