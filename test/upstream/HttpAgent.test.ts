/** What is known of a request that failed: whether the server can have seen any of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { createServer, type Socket } from "node:net"
import type { AddressInfo } from "node:net"
import { HttpAgent, type HttpRequest, type ResponseSink } from "../../src/upstream/HttpAgent.ts"
import { arrived } from "../support/memoryGateway.ts"
import type { TransportError } from "../../src/upstream/Transport.ts"

/** Something that takes connections, and does this with each. */
const listening = (onConnection: (socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        onConnection(socket)
      })
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            port: (server.address() as AddressInfo).port,
            close: () => {
              for (const socket of sockets) socket.destroy()
              server.close()
            }
          })
        )
      )
    }),
    ({ close }) => Effect.sync(close)
  )

/** An exchange, waited for. */
const exchange = (request: HttpRequest, head: ResponseSink["head"] = () => {}) =>
  Effect.flatMap(HttpAgent, (agent) =>
    Effect.callback<void, TransportError>((resume) =>
      Effect.sync(
        agent.begin(request, { head, data: () => undefined }, (why) =>
          resume(why === undefined ? Effect.void : Effect.failCause(why))
        )
      )
    )
  )

/** How a POST there fails. */
const failure = Effect.fnUntraced(function* (url: string) {
  const error = yield* Effect.flip(
    exchange({ method: "POST", url: new URL(url), headers: {}, body: [new Uint8Array([0x7b, 0x7d])] })
  )
  return error._tag === "ConnectionLost" ? { unsent: error.unsent, ending: error.ending } : error._tag
})

const UNSENT = { unsent: true, ending: "unreachable" as const }
const UNKNOWN = { unsent: false, ending: "ended" as const }

describe("a request", () => {
  it.live("goes by the proxy that the environment names", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const { port } = yield* listening((socket) =>
        socket.once("data", (chunk: Buffer) => {
          asked.push(chunk.toString().split("\r\n")[0] ?? "")
          socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        })
      )
      yield* Effect.acquireRelease(
        Effect.sync(() => (process.env["HTTP_PROXY"] = `http://127.0.0.1:${port}`)),
        () => Effect.sync(() => delete process.env["HTTP_PROXY"])
      )
      const statuses: Array<number> = []
      const got = exchange(
        { method: "GET", url: new URL("http://mcp.invalid/mcp"), headers: {} },
        ({ status }) => void statuses.push(status)
      )
      yield* Effect.provide(got, HttpAgent.layer)
      assert.deepStrictEqual([asked, statuses], [["GET http://mcp.invalid/mcp HTTP/1.1"], [502]])
    }).pipe(Effect.scoped)
  )
})

describe("a request that is given up", () => {
  it.live("before the first connection is even looked for is not sent, and nobody hears of it again", () =>
    Effect.gen(function* () {
      let connections = 0
      const { port } = yield* listening(() => connections++)
      const agent = yield* HttpAgent
      const url = new URL(`http://127.0.0.1:${port}/`)
      let hasEnded = false
      const sink = { head: () => {}, data: () => undefined }
      agent.begin({ method: "GET", url, headers: {} }, sink, () => (hasEnded = true))()
      // Whoever comes later has the same library loaded for them.
      const later = yield* Effect.forkScoped(exchange({ method: "GET", url, headers: {} }))
      yield* arrived(() => connections > 0)
      yield* Fiber.interrupt(later)
      assert.deepStrictEqual([connections, hasEnded], [1, false])
    }).pipe(Effect.scoped, Effect.provide(HttpAgent.layer))
  )
})

describe("a request that fails", () => {
  it.live("was not sent where nobody takes connections", () =>
    Effect.gen(function* () {
      const { close, port } = yield* listening(() => {})
      close()
      assert.deepStrictEqual(yield* failure(`http://127.0.0.1:${port}/`), UNSENT)
    }).pipe(Effect.scoped, Effect.provide(HttpAgent.layer))
  )

  it.live("was not sent where no secure connection came about", () =>
    Effect.gen(function* () {
      const { port } = yield* listening((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      assert.deepStrictEqual(yield* failure(`https://127.0.0.1:${port}/`), UNSENT)
    }).pipe(Effect.scoped, Effect.provide(HttpAgent.layer))
  )

  it.live("may have been acted on once it was begun to be written, whether or not the server read it", () =>
    Effect.gen(function* () {
      const deaf = yield* listening((socket) => socket.destroy())
      assert.deepStrictEqual(yield* failure(`http://127.0.0.1:${deaf.port}/`), UNKNOWN)
      const reading = yield* listening((socket) => socket.once("data", () => socket.destroy()))
      assert.deepStrictEqual(yield* failure(`http://127.0.0.1:${reading.port}/`), UNKNOWN)
      const halfway = yield* listening((socket) =>
        socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"))
      )
      assert.deepStrictEqual(yield* failure(`http://127.0.0.1:${halfway.port}/`), UNKNOWN)
    }).pipe(Effect.scoped, Effect.provide(HttpAgent.layer))
  )
})
