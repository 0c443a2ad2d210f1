/** A Streamable HTTP server that costs next to nothing. It prints its port. */
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { make, options } from "./answers.ts"

const { isStream, port, ...behaviour } = options(process.argv.slice(2))
const { isNotification, receive } = make(behaviour)

const DATA = Buffer.from("event: message\ndata: ")
const END = Buffer.from("\n\n")

const streamed = (response: ServerResponse, line: Buffer): void => {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" })
  receive(line, (pieces, last) => {
    const event = Buffer.concat([DATA, ...pieces, END])
    if (last) response.end(event)
    else response.write(event)
  })
}

const whole = (response: ServerResponse, line: Buffer): void => {
  const isFirst = line.length < 4096 && line.includes('"method":"initialize"')
  receive(line, (pieces, last) => {
    if (!last) return
    const body = Buffer.concat(pieces)
    const session = isFirst ? { "mcp-session-id": randomUUID() } : {}
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length, ...session }).end(body)
  })
}

const answer = (response: ServerResponse, line: Buffer): void => {
  if (isNotification(line)) response.writeHead(202).end()
  else if (isStream && line.includes('"method":"tools/call"')) streamed(response, line)
  else whole(response, line)
}

const onPost = (request: IncomingMessage, response: ServerResponse): void => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const [first] = chunks
    answer(response, chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks))
  })
}

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  if (request.method === "POST") onPost(request, response)
  else if (request.method === "DELETE") response.writeHead(200).end()
  else response.writeHead(405, { allow: "POST, DELETE" }).end()
})
server.listen(port, "127.0.0.1", () => console.log(`listening on ${(server.address() as AddressInfo).port}`))
