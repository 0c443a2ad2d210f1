/** An exchange with a remote server: what of it is under way is counted, bounded, and given back however it ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import { Buffers, MaxMessage } from "../../src/upstream/Bounds.ts"
import { HttpAgent } from "../../src/upstream/HttpAgent.ts"
import * as HttpExchange from "../../src/upstream/HttpExchange.ts"
import { arrived } from "../support/memoryGateway.ts"

const KB = 1024

/** A server that answers as the test says, and exchanges with it within a budget. */
const scene = Effect.fnUntraced(function* (
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  { limit = 1000 * KB, maxMessage = 500 * KB, hear = (text: string): unknown => text } = {}
) {
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const made = createServer(answer)
      made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
    }),
    (made) =>
      Effect.callback<void>((resume) => {
        made.close(() => resume(Effect.void))
        made.closeAllConnections()
      })
  )
  const buffers = new ByteBudget(limit)
  const bounds = Layer.merge(Layer.succeed(Buffers, buffers), Layer.succeed(MaxMessage, maxMessage))
  const agent = yield* Effect.provide(HttpAgent, yield* Layer.build(HttpAgent.layer.pipe(Layer.provide(bounds))))
  const heard: Array<string> = []
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const exchange = (body = "") =>
    HttpExchange.run(
      agent,
      { method: "POST", url, headers: {}, body: [Buffer.from(body)] },
      {
        head: () => {},
        message: (bytes) => {
          heard.push(Buffer.from(bytes).toString())
          hear(Buffer.from(bytes).toString())
        },
        event: () => {}
      }
    )
  return { buffers, exchange, heard }
})

const JSON_HEAD = { "content-type": "application/json" }
const STREAM_HEAD = { "content-type": "text/event-stream" }

describe("an answer that comes in", () => {
  it.live("counts piece by piece, with the request that it is to, and no more at its end", () =>
    Effect.gen(function* () {
      const open: Array<ServerResponse> = []
      const { buffers, exchange, heard } = yield* scene((_, response) => {
        open.push(response.writeHead(200, JSON_HEAD))
        response.write(`{"pad":"${"x".repeat(100 * KB)}`)
      })
      const fiber = yield* Effect.forkScoped(exchange("y".repeat(50 * KB)))
      yield* arrived(() => buffers.taken >= 150 * KB)
      open[0]?.end('"}')
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
      assert.deepStrictEqual([heard.length, buffers.taken], [1, 0])
    }).pipe(Effect.scoped)
  )

  it.live("counts no more when it is no longer wanted, or breaks off", () =>
    Effect.gen(function* () {
      const open: Array<ServerResponse> = []
      const { buffers, exchange } = yield* scene((_, response) => {
        open.push(response.writeHead(200, JSON_HEAD))
        response.write("x".repeat(100 * KB))
      })
      const unwanted = yield* Effect.forkScoped(exchange())
      yield* arrived(() => buffers.taken >= 100 * KB)
      yield* Fiber.interrupt(unwanted)
      assert.strictEqual(buffers.taken, 0)
      const broken = yield* Effect.forkScoped(exchange())
      yield* arrived(() => buffers.taken >= 100 * KB)
      open[1]?.destroy()
      assert.strictEqual((yield* Effect.flip(Fiber.join(broken)))._tag, "ConnectionLost")
      assert.strictEqual(buffers.taken, 0)
    }).pipe(Effect.scoped)
  )

  it.live("is refused where it is too large, and where there is no room for it, with the setting", () =>
    Effect.gen(function* () {
      const { buffers, exchange } = yield* scene((_, response) => {
        response.writeHead(200, JSON_HEAD).end("x".repeat(600 * KB))
      })
      const tooLarge = yield* Effect.flip(exchange())
      assert.deepStrictEqual(
        [tooLarge._tag, tooLarge.message],
        ["AnswerRefused", "an answer is larger than the limit of 512000 bytes (MCP_MAX_MESSAGE)"]
      )
      assert.isTrue(buffers.take(700 * KB))
      const noRoom = yield* Effect.flip(exchange())
      assert.strictEqual(noRoom._tag, "AnswerRefused")
      assert.match(noRoom.message, /\(MCP_BUFFER_BYTES\)$/u)
      const notSent = yield* Effect.flip(exchange("y".repeat(400 * KB)))
      assert.strictEqual(notSent._tag, "MessageRefused", "the server has acted on nothing")
      assert.strictEqual(buffers.taken, 700 * KB)
    }).pipe(Effect.scoped)
  )
})

describe("an answer that somebody dies of", () => {
  it.live("is given back like any other, and said to be a defect", () =>
    Effect.gen(function* () {
      const hear = (text: string): void => {
        throw new Error(`cannot hear ${text}`)
      }
      const { buffers, exchange } = yield* scene((_, response) => response.writeHead(200, JSON_HEAD).end("{}"), {
        hear
      })
      const exit = yield* Effect.exit(exchange())
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(buffers.taken, 0)
    }).pipe(Effect.scoped)
  )
})

describe("an event stream that comes in", () => {
  it.live("counts as far as events have not ended, for however long it stays", () =>
    Effect.gen(function* () {
      const open: Array<ServerResponse> = []
      const { buffers, exchange, heard } = yield* scene((_, response) => {
        open.push(response.writeHead(200, STREAM_HEAD))
        response.write('data: {"a":1}\n\n')
      })
      const fiber = yield* Effect.forkScoped(exchange())
      yield* arrived(() => heard.length === 1)
      for (let i = 0; i < 10; i++) {
        open[0]?.write(`data: {"pad":"${"x".repeat(100 * KB)}`)
        yield* arrived(() => buffers.taken >= 100 * KB)
        open[0]?.write('"}\n\n')
        yield* arrived(() => buffers.taken === 0)
      }
      assert.strictEqual(heard.length, 11)
      open[0]?.write(`data: {"pad":"${"x".repeat(100 * KB)}`)
      yield* arrived(() => buffers.taken >= 100 * KB)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(buffers.taken, 0)
    }).pipe(Effect.scoped)
  )

  it.live("ends where an event of it is too large, or finds no room", () =>
    Effect.gen(function* () {
      const { buffers, exchange } = yield* scene((_, response) => {
        response.writeHead(200, STREAM_HEAD)
        response.write(`data: ${"x".repeat(600 * KB)}`)
      })
      const tooLarge = yield* Effect.flip(exchange())
      assert.match(`${tooLarge._tag} ${tooLarge.message}`, /^AnswerRefused .*MCP_MAX_MESSAGE/u)
      assert.isTrue(buffers.take(900 * KB))
      const noRoom = yield* Effect.flip(exchange())
      assert.match(`${noRoom._tag} ${noRoom.message}`, /^AnswerRefused .*MCP_BUFFER_BYTES/u)
      assert.strictEqual(buffers.taken, 900 * KB)
    }).pipe(Effect.scoped)
  )
})
