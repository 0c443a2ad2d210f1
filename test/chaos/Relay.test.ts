/** The relay whose connections are broken. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { eventually } from "../integration/harness.ts"
import { reset } from "../integration/wire.ts"
import * as Relay from "./Relay.ts"

/** A server that keeps what comes in open, and whom it has accepted. */
const silent = Effect.acquireRelease(
  Effect.promise(async () => {
    const accepted: Array<Socket> = []
    const server = createServer({ allowHalfOpen: true }, (socket) =>
      accepted.push(socket.resume().on("error", () => {}))
    )
    await once(server.listen(0, "127.0.0.1"), "listening")
    return { accepted, server, port: (server.address() as AddressInfo).port }
  }),
  ({ accepted, server }) =>
    Effect.sync(() => {
      for (const socket of accepted) socket.destroy()
      server.close()
    })
)

const opened = async (port: number): Promise<Socket> => {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => {})
  await once(socket, "connect")
  return socket
}

describe("a connection that is reset", () => {
  it.live("is closed, also while its own end is on its way", () =>
    Effect.gen(function* () {
      const { port } = yield* silent
      yield* Effect.promise(async () => {
        const socket = await opened(port)
        const failed: Array<string> = []
        socket.on("error", ({ message }) => failed.push(message)).end()
        // By then the end is being sent, and has not been.
        await Promise.resolve()
        assert.isTrue(socket.writableEnded && !socket.writableFinished)
        const closed = once(socket, "close")
        reset(socket)
        await closed
        assert.deepStrictEqual(failed, [])
      })
    })
  )

  it.live("is reset for the other end where nothing has ended", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* silent
      const socket = yield* Effect.promise(() => opened(port))
      yield* eventually("it is accepted", () => accepted.length > 0)
      const broken = once(accepted[0] ?? socket, "error")
      reset(socket)
      assert.match(String(yield* Effect.promise(() => broken)), /ECONNRESET/u)
    })
  )
})

describe("the relay", () => {
  it.live("breaks both halves of a connection, and knows who has none", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* silent
      const relay = yield* Relay.open(port)
      const socket = yield* Effect.promise(() => opened(relay.port))
      yield* eventually("it is accepted", () => accepted.length > 0)
      assert.isFalse(relay.reset(1))
      assert.isTrue(relay.reset(socket.localPort ?? 0))
      yield* eventually("both have ended", () => socket.closed && accepted.every(({ closed }) => closed))
    })
  )
})
