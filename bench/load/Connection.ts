/** One kept-alive connection, on nothing but a socket: as cheap as a client can be, so that what is measured is not it. */
import { connect, type Socket } from "node:net"

export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

const SEPARATOR = "\r\n\r\n"

/** The value of a header of an answer's head. */
export const header = (head: string, name: string): string | undefined =>
  new RegExp(`^${name}: *(.*?) *\\r?$`, "imu").exec(head)?.[1]

const NOTHING = Buffer.alloc(0)

/** Less than the shortest that a server here waits before it closes an idle connection. */
const STALE_MILLIS = 3000

interface Waiting {
  readonly done: (answer: Answer) => void
  readonly failed: (error: Error) => void
}

/** Requests go out one after another; each answer is read to its end. */
export class Connection {
  /** The port that it comes from: by it the other end knows it. */
  readonly from: number
  private readonly socket: Socket
  private waiting: Waiting | undefined
  private ended: Error | undefined
  private usedAt = performance.now()

  private status = 0
  private head = ""
  /** What has come of the body, its transfer coding undone. */
  private pieces: Array<Buffer> = []
  /** Bytes that are still to come of the body, or of the present chunk; undefined: the head is not there yet. */
  private left: number | undefined
  private isChunked = false
  /** The beginning of a head, or of a chunk's first line. */
  private rest: Buffer = NOTHING

  private constructor(socket: Socket) {
    this.socket = socket
    this.from = socket.localPort ?? 0
    socket.setNoDelay(true)
    socket.on("data", (chunk) => this.take(chunk))
    socket.on("error", (error) => this.end(error))
    socket.on("close", () => this.end(new Error("the connection was closed")))
  }

  static open(host: string, port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port })
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.off("error", reject)
        resolve(new Connection(socket))
      })
    })
  }

  /** May it be used as it is? Servers close what has been idle, some after five seconds. */
  isFresh(staleMillis = STALE_MILLIS): boolean {
    return this.ended === undefined && performance.now() - this.usedAt < staleMillis
  }

  /** Why it cannot be used any more; undefined: it can, as far as is known. */
  get whyEnded(): string | undefined {
    return this.ended?.message
  }

  /** Sends a request and calls back with its answer. The buffer may be changed when that is there. */
  send(request: Buffer, done: Waiting["done"], failed: Waiting["failed"]): void {
    if (this.ended !== undefined) return failed(this.ended)
    this.waiting = { done, failed }
    this.socket.write(request)
  }

  exchange(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => this.send(request, resolve, reject))
  }

  /** Sends a request whose answer has no end, and resolves with its head. */
  stand(request: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.ended !== undefined) return reject(this.ended)
      this.waiting = { done: ({ body, head }) => reject(new Error(`it ended: ${head}\n${body}`)), failed: reject }
      const look = (): void => {
        if (this.left === undefined) return
        this.socket.off("data", look)
        resolve(this.head)
      }
      this.socket.on("data", look)
      this.socket.write(request)
    })
  }

  close(): void {
    this.socket.destroy()
  }

  private end(error: Error): void {
    this.ended ??= error
    const { waiting } = this
    this.waiting = undefined
    waiting?.failed(this.ended)
  }

  private take(chunk: Buffer): void {
    let data = chunk
    if (this.left === undefined) {
      if (this.rest.length > 0) data = Buffer.concat([this.rest, data])
      const end = data.indexOf(SEPARATOR)
      if (end < 0) {
        this.rest = data
        return
      }
      this.begin(data.toString("latin1", 0, end))
      data = data.subarray(end + SEPARATOR.length)
    }
    if (this.isChunked) this.takeChunks(data)
    else this.takePlain(data)
  }

  private begin(head: string): void {
    this.rest = NOTHING
    this.head = head
    this.status = Number(head.slice(9, 12))
    this.isChunked = /\ntransfer-encoding: *chunked/iu.test(head)
    this.left = this.isChunked ? 0 : Number(/\ncontent-length: *(\d+)/iu.exec(head)?.[1] ?? 0)
  }

  private takePlain(data: Buffer): void {
    if (data.length > 0) this.pieces.push(data)
    this.left = (this.left ?? 0) - data.length
    if (this.left <= 0) this.finish()
  }

  private takeChunks(chunk: Buffer): void {
    let data = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk
    this.rest = NOTHING
    for (;;) {
      const left = this.left ?? 0
      if (left > 0) {
        // The two bytes that end a chunk belong to what is left of it.
        const inside = Math.min(data.length, left - 2)
        if (inside > 0) this.pieces.push(data.subarray(0, inside))
        const taken = Math.min(data.length, left)
        this.left = left - taken
        data = data.subarray(taken)
        if (this.left > 0) return
      }
      const end = data.indexOf("\r\n")
      if (end < 0) {
        this.rest = data
        return
      }
      const size = Number.parseInt(data.toString("latin1", 0, end), 16)
      if (size === 0) {
        if (data.length < end + 4) {
          this.rest = data
          return
        }
        this.finish()
        return
      }
      this.left = size + 2
      data = data.subarray(end + 2)
    }
  }

  private finish(): void {
    const [first = NOTHING] = this.pieces
    const body = this.pieces.length <= 1 ? first : Buffer.concat(this.pieces)
    const answer = { status: this.status, head: this.head, body }
    this.usedAt = performance.now()
    const { waiting } = this
    this.waiting = undefined
    this.left = undefined
    this.rest = NOTHING
    this.pieces = []
    waiting?.done(answer)
  }
}
