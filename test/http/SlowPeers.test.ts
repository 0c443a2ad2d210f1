/** Clients that send or read slowly, on real sockets: what is held for them is counted, bounded, and given back. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { connect, type Socket } from "node:net"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import { Rate } from "../../src/http/OwnerRate.ts"
import { Buffers, MaxMessage } from "../../src/upstream/Bounds.ts"
import type { MemoryServer } from "../support/memoryFleet.ts"
import { arrived } from "../support/memoryGateway.ts"
import * as Served from "../support/served.ts"

const MB = 1024 * 1024

const HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  authorization: `Bearer ${Served.MACHINE_KEY}`
}

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } }
}

const toolCall = (id: number, args: object) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: "big", arguments: args }
})

/** A server whose tool answers with so many bytes. */
const big: MemoryServer = {
  offer: { tools: ["big"] },
  play: (request) => {
    const { bytes = 0 } = (request.params?.["arguments"] ?? {}) as { readonly bytes?: number }
    return Effect.succeed({ result: { content: [{ type: "text", text: "x".repeat(bytes) }] } })
  }
}

interface Options {
  readonly buffers?: number
  readonly maxMessage?: number
  readonly stallTime?: Duration.Duration
}

const scene = Effect.fnUntraced(function* (options: Options = {}) {
  const buffers = new ByteBudget(options.buffers ?? 1024 * MB)
  const served = yield* Served.serve({
    servers: { one: big },
    bounds: Layer.mergeAll(
      Layer.succeed(Buffers, buffers),
      Layer.succeed(MaxMessage, options.maxMessage ?? 64 * MB),
      Layer.succeed(Rate, { perSecond: 0, burst: 1 })
    ),
    ...(options.stallTime === undefined ? {} : { stallTime: options.stallTime })
  })
  const begun = yield* served.ask("/mcp", { method: "POST", headers: HEADERS, body: JSON.stringify(initialize) })
  const headers = { ...HEADERS, "mcp-session-id": begun.headers["mcp-session-id"] ?? "none" }
  const post = (message: unknown) =>
    served.ask("/mcp", {
      method: "POST",
      headers,
      body: typeof message === "string" ? message : JSON.stringify(message)
    })

  /** A connection by hand, on which the head of a POST has been sent; what comes back is read only when the test reads. */
  const open = (more: Readonly<Record<string, string>>) =>
    Effect.acquireRelease(
      Effect.callback<Socket>((resume) => {
        const socket = connect(served.port, "127.0.0.1", () => {
          const lines = Object.entries({ host: served.host, ...headers, ...more }).map(
            ([name, value]) => `${name}: ${value}`
          )
          socket.write(`POST /mcp HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`)
          resume(Effect.succeed(socket))
        })
        socket.on("error", () => {})
        socket.pause()
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )

  /** A request whose answer nobody reads. */
  const unread = Effect.fnUntraced(function* (bytes: number, accept = HEADERS.accept) {
    const body = JSON.stringify(toolCall(7, { bytes }))
    const socket = yield* open({ "content-length": String(body.length), accept })
    socket.write(body)
    return socket
  })

  return { buffers, served, post, open, unread }
})

/** All that is read of a connection from now on. */
const readAll = (socket: Socket) => {
  let text = ""
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString()
  })
  socket.resume()
  return () => text
}

const isClosed = (socket: Socket): (() => boolean) => {
  let closed = socket.destroyed
  socket.on("close", () => {
    closed = true
  })
  return () => closed
}

describe("a body that is being sent", () => {
  it.live("counts as it comes in, not as it was announced, and no more once it is given up", () =>
    Effect.gen(function* () {
      const { buffers, open } = yield* scene()
      const socket = yield* open({ "content-length": String(32 * MB) })
      socket.write("x".repeat(MB))
      yield* arrived(() => buffers.taken === MB)
      socket.destroy()
      yield* arrived(() => buffers.taken === 0)
    }).pipe(Effect.scoped)
  )

  it.live(
    "is not taken where there is no room: 503, when to come back, and the setting; there is room again after it",
    () =>
      Effect.gen(function* () {
        const { buffers, open, post } = yield* scene({ buffers: 2 * MB })
        const slow = yield* open({ "transfer-encoding": "chunked" })
        slow.write(`180000\r\n${"x".repeat(0x180000)}\r\n`)
        yield* arrived(() => buffers.taken === 0x180000)
        const refused = yield* post(toolCall(2, { pad: "y".repeat(MB) }))
        assert.deepStrictEqual([refused.status, refused.headers["retry-after"]], [503, "1"])
        const { error, id } = JSON.parse(refused.body) as {
          readonly id: null
          readonly error: { code: number; message: string }
        }
        assert.deepStrictEqual([id, error.code], [null, 1429])
        assert.match(error.message, /^The body is not taken: .* 2097152 bytes \(MCP_BUFFER_BYTES\)$/u)
        assert.strictEqual((yield* post(toolCall(3, {}))).status, 200, "a small one is taken still")
        slow.destroy()
        yield* arrived(() => buffers.taken === 0)
        assert.strictEqual((yield* post(toolCall(4, { pad: "y".repeat(MB) }))).status, 200)
        yield* arrived(() => buffers.taken === 0)
      }).pipe(Effect.scoped)
  )

  it.live("is refused when it is larger than a message may be, announced or not", () =>
    Effect.gen(function* () {
      const { buffers, open, post } = yield* scene({ maxMessage: MB })
      const announced = yield* post(toolCall(2, { pad: "y".repeat(MB) }))
      assert.strictEqual(announced.status, 413)
      assert.include(announced.body, "The body is larger than the limit of 1048576 bytes (MCP_MAX_MESSAGE)")
      const socket = yield* open({ "transfer-encoding": "chunked" })
      const text = readAll(socket)
      socket.write(`180000\r\n${"x".repeat(0x180000)}\r\n`)
      yield* arrived(() => text().includes("MCP_MAX_MESSAGE"))
      assert.match(text(), /^HTTP\/1.1 413 /u)
      yield* arrived(() => buffers.taken === 0)
    }).pipe(Effect.scoped)
  )
})

describe("an answer that nobody reads", () => {
  it.live("counts until its client has read it, or is gone", () =>
    Effect.gen(function* () {
      const { buffers, unread } = yield* scene()
      const [patient, gone] = [yield* unread(16 * MB), yield* unread(16 * MB)]
      yield* arrived(() => buffers.taken > 32 * MB)
      gone.destroy()
      yield* arrived(() => buffers.taken < 17 * MB)
      const text = readAll(patient)
      yield* arrived(() => buffers.taken === 0)
      yield* arrived(() => text().length > 16 * MB)
    }).pipe(Effect.scoped)
  )

  it.live("counts on a stream too", () =>
    Effect.gen(function* () {
      const { buffers, unread } = yield* scene()
      const socket = yield* unread(16 * MB, "text/event-stream")
      yield* arrived(() => buffers.taken > 16 * MB)
      const text = readAll(socket)
      yield* arrived(() => buffers.taken < MB)
      yield* arrived(() => text().length > 16 * MB)
    }).pipe(Effect.scoped)
  )

  it.live("leaves no room for further ones, which are dropped with the word that the request was carried out", () =>
    Effect.gen(function* () {
      const { buffers, post, unread } = yield* scene({ buffers: 20 * MB })
      const slow = yield* unread(16 * MB)
      yield* arrived(() => buffers.taken > 16 * MB)
      const dropped = yield* post(toolCall(9, { bytes: 8 * MB }))
      const { error, id } = JSON.parse(dropped.body) as {
        readonly id: number
        readonly error: { code: number; message: string }
      }
      assert.deepStrictEqual([dropped.status, id, error.code], [200, 9, 1502])
      assert.match(
        error.message,
        /^The request was carried out, but its answer of \d+ bytes was dropped: .*MCP_BUFFER_BYTES/u
      )
      slow.destroy()
      yield* arrived(() => buffers.taken === 0)
      const answered = yield* post(toolCall(10, { bytes: 8 * MB }))
      assert.isAbove(answered.body.length, 8 * MB)
      yield* arrived(() => buffers.taken === 0)
    }).pipe(Effect.scoped)
  )

  it.live("ends its connection when nothing of it was read for so long, and nobody else's", () =>
    Effect.gen(function* () {
      const { buffers, post, unread } = yield* scene({ stallTime: Duration.seconds(1) })
      const slow = [yield* unread(16 * MB), yield* unread(16 * MB, "text/event-stream")]
      yield* arrived(() => buffers.taken > 32 * MB)
      while (buffers.taken > MB) {
        const answered = yield* post(toolCall(3, { bytes: 1000 }))
        assert.strictEqual(answered.status, 200, "others are answered meanwhile")
      }
      // A connection that was ended is seen to be by who reads on.
      const closed = slow.map(isClosed)
      for (const socket of slow) socket.resume()
      yield* arrived(() => closed.every((one) => one()))
    }).pipe(Effect.scoped)
  )

  it.live("but is being read, however slowly, is sent to its end", () =>
    Effect.gen(function* () {
      const stallTime = Duration.seconds(1)
      const { unread } = yield* scene({ stallTime })
      const socket = yield* unread(8 * MB)
      let read = 0
      const began = performance.now()
      // In all it takes three times as long as nothing at all may be read.
      const pieces = 3 * 20
      socket.on("data", (chunk: Buffer) => {
        read += chunk.length
        const due = ((read / (8 * MB)) * pieces * Duration.toMillis(stallTime)) / 20
        const ahead = due - (performance.now() - began)
        if (ahead <= 0) return
        socket.pause()
        setTimeout(() => socket.resume(), ahead)
      })
      socket.resume()
      yield* Effect.promise(
        () =>
          new Promise<void>((resolve) => {
            const timer = setInterval(() => {
              if (read <= 8 * MB && !socket.destroyed) return
              clearInterval(timer)
              resolve()
            }, 20)
          })
      )
      assert.isAbove(read, 8 * MB)
      assert.isAbove(performance.now() - began, 2000)
    }).pipe(Effect.scoped)
  )
})
