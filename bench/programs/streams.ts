/** The limit for standing streams: node:http that opens each answer and leaves it open. `node streams.js PORT` */
import { createServer } from "node:http"

process.on("SIGTERM", () => process.exit(0))
createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  request.resume()
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.flushHeaders()
}).listen(Number(process.argv[2]), "127.0.0.1")
