/** A server on standard input and output that costs next to nothing. */
import { make, options } from "./answers.ts"

const { hangs, ...behaviour } = options(process.argv.slice(2))
const server = make(behaviour)

const LINE_FEED = 0x0a
const end = Buffer.from("\n")

const write = (pieces: ReadonlyArray<Uint8Array>): void => {
  process.stdout.write(Buffer.concat([...pieces, end]))
}

let held: Array<Buffer> = []

process.stdin.on("data", (chunk: Buffer) => {
  if (hangs) return
  let from = 0
  for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
    const piece = chunk.subarray(from, at)
    const line = held.length === 0 ? piece : Buffer.concat([...held, piece])
    held = []
    from = at + 1
    if (line.length > 0) server.receive(line, write)
  }
  if (from < chunk.length) held.push(chunk.subarray(from))
})
process.stdin.on("end", () => process.exit(0))
