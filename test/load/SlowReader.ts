/** A client that asks for a great deal at once and reads it little by little. */
import { connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

const SEPARATOR = Buffer.from("\r\n\r\n")

/** As much of each body is kept: enough to tell a result from an error. */
const KEPT = 600

export interface Pace {
  /** How much is read at a time. */
  readonly bytes: number
  /** And how long it waits then. */
  readonly millis: number
}

/** The answers to requests that are sent in one go, each as its status and the first of its body. */
export const readSlowly = async (
  at: { readonly host: string; readonly port: number },
  requests: ReadonlyArray<Buffer>,
  pace: Pace
): Promise<ReadonlyArray<string>> => {
  const socket = connect(at)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve)
      socket.once("error", reject)
    })
    socket.write(Buffer.concat(requests))
    return await answers(socket, requests.length, pace)
  } finally {
    socket.destroy()
  }
}

const answers = async (socket: Socket, count: number, { bytes, millis }: Pace): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  let rest = Buffer.alloc(0)
  /** What is still to come of the body, of which `kept` is the beginning. */
  let left = 0
  let kept = ""
  let why: string | undefined
  socket.on("error", ({ message }) => (why ??= message))
  socket.on("close", () => (why ??= "the connection was closed"))
  // What has been read by the system goes on being there to read.
  const take = (): Buffer | null => socket.read(Math.min(bytes, socket.readableLength)) as Buffer | null
  while (found.length < count) {
    const chunk = socket.readableLength > 0 ? take() : (socket.read(0), null)
    if (chunk === null) {
      if (why !== undefined) return [...found, `a connection error: ${why}`]
      await sleep(millis)
      continue
    }
    let data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    rest = Buffer.alloc(0)
    while (data.length > 0 && found.length < count) {
      if (left === 0) {
        const end = data.indexOf(SEPARATOR)
        if (end < 0) {
          rest = Buffer.from(data)
          break
        }
        const head = data.toString("latin1", 0, end)
        left = Number(/\ncontent-length: *(\d+)/iu.exec(head)?.[1] ?? 0)
        kept = `HTTP ${head.slice(9, 12)}: `
        data = data.subarray(end + SEPARATOR.length)
      }
      const taken = Math.min(left, data.length)
      if (kept.length < KEPT) kept += data.toString("utf8", 0, Math.min(taken, KEPT))
      left -= taken
      data = data.subarray(taken)
      if (left === 0) found.push(kept)
    }
    await sleep(millis)
  }
  return found
}
