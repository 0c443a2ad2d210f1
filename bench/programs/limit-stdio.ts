/**
 * The limit for servers on standard input and output: node:http before a child process, and nothing in between but the id,
 * which is replaced in the bytes on the way there and put back on the way here. No part of a message is parsed, no chunk of
 * it is copied that need not be. `node limit-stdio.js PORT COMMAND ARGUMENT…`
 */
import { spawn } from "node:child_process"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

const [port, command = "", ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })

/** Ids stand at the head of the messages of both ends, which are ours. */
const ID = /"id":\s*(\d+)/u
const TOKEN = /"progressToken":\s*(\d+)/u
const HEAD = 96
/** Below this, one buffer is cheaper than several. */
const SMALL = 16_384

interface Waiting {
  readonly response: ServerResponse
  readonly id: string
  /** Has it become a stream, with the first word of progress? */
  streams: boolean
}

const waiting = new Map<number, Waiting>()
/** Calls that want to hear of progress, by the client's token. */
const listening = new Map<string, Waiting>()
let last = 0

const LINE_FEED = Buffer.from("\n")

const forward = (chunks: ReadonlyArray<Buffer>, length: number, response: ServerResponse): void => {
  const [first = LINE_FEED, ...rest] = chunks
  const head = first.toString("latin1", 0, HEAD)
  const found = ID.exec(head)
  if (found === null) {
    child.stdin.write(Buffer.concat([...chunks, LINE_FEED]))
    response.writeHead(202).end()
    return
  }
  const id = found[1] ?? ""
  const end = found.index + found[0].length
  const call = { response, id, streams: false }
  const own = ++last
  waiting.set(own, call)
  if (length <= SMALL) {
    const text = rest.length === 0 ? first.toString("latin1") : Buffer.concat(chunks).toString("latin1")
    const token = TOKEN.exec(text)
    if (token !== null) listening.set(token[1] ?? "", call)
    child.stdin.write(`${text.slice(0, end - id.length)}${own}${text.slice(end)}\n`, "latin1")
    return
  }
  child.stdin.cork()
  child.stdin.write(`${head.slice(0, end - id.length)}${own}`, "latin1")
  child.stdin.write(first.subarray(end))
  for (const chunk of rest) child.stdin.write(chunk)
  child.stdin.write(LINE_FEED)
  child.stdin.uncork()
}

const EVENT = { "content-type": "text/event-stream" }

const answer = (chunks: ReadonlyArray<Buffer>, length: number): void => {
  const [start = LINE_FEED, ...rest] = chunks
  // A chunk may end within the id.
  const first = start.length < HEAD && rest.length > 0 ? Buffer.concat(chunks) : start
  const others = first === start ? rest : []
  const head = first.toString("latin1", 0, HEAD)
  const found = ID.exec(head)
  if (found === null) {
    const call = listening.get(TOKEN.exec(first.toString("latin1", 0, 256))?.[1] ?? "")
    if (call === undefined) return
    if (!call.streams) call.response.writeHead(200, EVENT)
    call.streams = true
    call.response.write(`data: ${first.toString("latin1")}\n\n`, "latin1")
    return
  }
  const own = Number(found[1])
  const call = waiting.get(own)
  if (call === undefined) return
  waiting.delete(own)
  const { id, response, streams } = call
  const end = found.index + found[0].length
  const before = `${head.slice(0, end - (found[1] ?? "").length)}${id}`
  if (streams) {
    listening.delete(id)
    response.end(`data: ${before}${Buffer.concat([first.subarray(end), ...others]).toString("latin1")}\n\n`, "latin1")
    return
  }
  const total = length - (found[1] ?? "").length + id.length
  response.writeHead(200, { "content-type": "application/json", "content-length": total })
  if (total <= SMALL && others.length === 0) {
    response.end(before + first.toString("latin1", end), "latin1")
    return
  }
  response.cork()
  response.write(before, "latin1")
  response.write(first.subarray(end))
  for (const chunk of others) response.write(chunk)
  response.end()
  response.uncork()
}

let held: Array<Buffer> = []
let heldLength = 0

child.stdout.on("data", (chunk: Buffer) => {
  let from = 0
  for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
    held.push(chunk.subarray(from, at))
    answer(held, heldLength + at - from)
    held = []
    heldLength = 0
    from = at + 1
  }
  if (from === chunk.length) return
  held.push(chunk.subarray(from))
  heldLength += chunk.length - from
})

const onPost = (request: IncomingMessage, response: ServerResponse): void => {
  const chunks: Array<Buffer> = []
  let length = 0
  request.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    length += chunk.length
  })
  request.on("end", () => forward(chunks, length, response))
}

child.on("exit", (code) => process.exit(code ?? 1))
process.on("SIGTERM", () => process.exit(0))
createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  if (request.method === "POST") onPost(request, response)
  else response.writeHead(405).end()
}).listen(Number(port), "127.0.0.1")
