/** The listening socket: when it answers, and whom it does not wait for. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { HttpServer } from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { request } from "undici"
import * as Listener from "../../src/http/Listener.ts"

const listening = Effect.fnUntraced(function* (times: Parameters<typeof Listener.layer>[2] = {}) {
  const place = { _tag: "Address", host: "127.0.0.1", port: 0, wait: false } as const
  const context = yield* Layer.build(Listener.layer(place, Duration.minutes(1), times))
  const server = Context.get(context, HttpServer)
  if (server.address._tag !== "InetAddressV4") return yield* Effect.die(new Error("it listens on no port"))
  return { server, port: server.address.port, listener: Context.get(context, Listener.Listener) }
})

/** A connection on which so much was said; what is heard on it, and whether it was closed. */
const speaking = (port: number, bytes: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly socket: Socket; readonly heard: () => string; readonly closed: Effect.Effect<void> }>(
      (resume) => {
        let heard = ""
        const socket = connect(port, "127.0.0.1", () => {
          socket.write(bytes)
          const closed = Effect.callback<void>((done) => {
            if (socket.closed) done(Effect.void)
            else socket.on("close", () => done(Effect.void))
          })
          resume(Effect.succeed({ socket, heard: () => heard, closed }))
        })
        socket.on("data", (chunk: Buffer) => (heard += chunk.toString())).on("error", () => {})
      }
    ),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const get = (port: number) =>
  Effect.promise(async () => {
    const { body, headers, statusCode } = await request(`http://127.0.0.1:${port}/`)
    await body.dump()
    return { statusCode, headers }
  })

describe("a client", () => {
  it.live("that comes before there is anything to serve is told to come back", () =>
    Effect.gen(function* () {
      const { listener, port, server } = yield* listening()
      const early = yield* get(port)
      assert.deepStrictEqual([early.statusCode, early.headers["retry-after"]], [503, "1"])
      yield* server.serve(Effect.succeed(HttpServerResponse.text("hello")))
      yield* listener.serving
      assert.strictEqual((yield* get(port)).statusCode, 200)
    }).pipe(Effect.scoped)
  )

  it.live("that never finishes its request, or never begins one, is not waited for", () =>
    Effect.gen(function* () {
      const { port } = yield* listening({ headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 50 })
      const silent = yield* speaking(port, "")
      const head = yield* speaking(port, "POST / HTTP/1.1\r\nhost: localhost\r\n")
      const body = yield* speaking(port, "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf")
      yield* Effect.all([silent.closed, head.closed, body.closed], { concurrency: "unbounded" })
      assert.match(head.heard(), /^HTTP\/1\.1 408 /u)
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(process.platform !== "linux")("that goes away without a word is noticed by the system", () =>
    Effect.gen(function* () {
      const { port } = yield* listening()
      const client = yield* speaking(port, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
      const hex = (value: number): string => value.toString(16).toUpperCase().padStart(4, "0")
      const find = () =>
        readFileSync("/proc/self/net/tcp", "utf8")
          .split("\n")
          .map((line) => line.trim().split(/\s+/u))
          .find(
            ([, local, remote]) =>
              local === `0100007F:${hex(port)}` && remote === `0100007F:${hex(client.socket.localPort ?? 0)}`
          )
      // The timer of a connection that is idle: 02 is TCP keep-alive (proc_net_tcp, kernel documentation).
      yield* Effect.repeat(Effect.sleep(10), { until: () => find()?.[5]?.startsWith("02:") === true })
    }).pipe(Effect.scoped)
  )
})
