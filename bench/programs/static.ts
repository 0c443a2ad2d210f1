/**
 * The limit for lists: node:http that sends the bytes of a file, with the request's id in them. `node static.js PORT FILE`.
 * Of the file, `@` stands where the id goes.
 */
import { readFileSync } from "node:fs"
import { createServer } from "node:http"

const [port, file = ""] = process.argv.slice(2)
const [before = "", after = ""] = readFileSync(file, "utf8").split("@")
const tail = Buffer.from(after)
const ID = /"id":\s*(\d+)/u

process.on("SIGTERM", () => process.exit(0))
createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const head = `${before}${ID.exec(Buffer.concat(chunks).toString("latin1", 0, 96))?.[1]}`
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(head) + tail.length
    })
    response.cork()
    response.write(head)
    response.end(tail)
    response.uncork()
  })
}).listen(Number(port), "127.0.0.1")
