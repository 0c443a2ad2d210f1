/** Faults of the proxy's own: what is said of them, and what is left of it afterwards. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { connect as openSocket, type Socket } from "node:net"
import { join } from "node:path"
import {
  childrenOf,
  eventually,
  fixture,
  isAlive,
  nobodyLeft,
  readyProxy,
  type RunningProxy,
  rawStdio
} from "./harness.ts"
import { holdSocket } from "./heldSocket.ts"
import { begin, eventsOf, openStream, post, reset, send, toolCall } from "./wire.ts"

const raw = rawStdio()

/** Has the breakable proxy do something to itself. */
const command = (proxy: RunningProxy, what: string) =>
  Effect.andThen(
    Effect.sync(() => writeFileSync(join(proxy.folder, "command"), what)),
    proxy.signal("SIGUSR2")
  )

const breakable = (env: Readonly<Record<string, string>> = {}) =>
  readyProxy({ config: { mcpServers: { raw } }, entry: fixture("breakable-proxy.ts"), env })

describe("an error that nobody caught", () => {
  for (const [what, message] of [
    ["throw", "thrown on purpose"],
    ["reject", "rejected on purpose"]
  ] as const) {
    it.live(`(${what}) is in the log and on standard error with its cause, and ends the program in good order`, () =>
      Effect.gen(function* () {
        const proxy = yield* breakable({ MCP_LOG_FORMAT: "json" })
        const session = yield* begin(proxy.url)
        const call = yield* openStream(proxy.url, session, JSON.stringify(toolCall("slow")))
        yield* eventually("the call runs", () => eventsOf(call.text()).length >= 2)
        const children = childrenOf(proxy.pid)
        assert.strictEqual(children.length, 2, "server and sidecar")
        yield* command(proxy, what)
        assert.strictEqual(yield* proxy.exited, 1)
        const lines = proxy.output().split("\n")
        const logged = lines
          .filter((line) => line.startsWith("{"))
          .map(
            (line) => JSON.parse(line) as { readonly level: string; readonly message: string; readonly cause?: string }
          )
          .filter(({ level }) => level === "CRITICAL")
        assert.deepStrictEqual(
          logged.map(({ cause = "", message: text }) => [
            text,
            cause.includes(message),
            cause.includes("breakable-proxy.ts")
          ]),
          [["An error that nobody caught", true, true]]
        )
        assert.include(proxy.output(), `Stopped by an error that nobody caught: Error: ${message}\n`)
        assert.match(call.text(), /done slowly/u, "what was in flight was let finish")
        yield* eventually("server and sidecar are gone", () => !children.some(isAlive))
        const database = join(proxy.folder, "data/state.db")
        assert.deepStrictEqual(
          [existsSync(database), existsSync(`${database}-wal`)],
          [true, false],
          "the store is closed"
        )
      }).pipe(Effect.scoped)
    )
  }
})

describe("the listening socket", () => {
  it.live(
    "stays where connections cannot be taken for a while, which is said, and comes back where it is broken or closed",
    () =>
      Effect.gen(function* () {
        const proxy = yield* breakable()
        const again = (times: number) =>
          eventually(
            "it listens again",
            () => proxy.output().split(/Listening on 127\.0\.0\.1:\d+ again/u).length > times
          )
        yield* command(proxy, "EMFILE")
        yield* proxy.printed(/A connection could not be taken: accept EMFILE\. Let this process have more files open/u)
        assert.strictEqual((yield* send(`http://localhost:${proxy.port}/health`)).status, 200)
        assert.strictEqual(proxy.output().split("could not be taken").length, 2, "it is not said each time")
        yield* command(proxy, "EBADF")
        yield* again(1)
        yield* proxy.printed(
          /The listening socket died and begins again in 1s: it was closed, and nobody had wished that/u
        )
        assert.strictEqual((yield* send(`http://localhost:${proxy.port}/health`)).status, 200)
        yield* command(proxy, "close")
        yield* again(2)
        assert.strictEqual((yield* send(`http://localhost:${proxy.port}/health`)).status, 200)
        yield* proxy.signal("SIGTERM")
        assert.strictEqual(yield* proxy.exited, 0)
      }).pipe(Effect.scoped)
  )

  it.live("that was handed over and is closed ends the proxy: whoever holds it starts the next one", () =>
    Effect.gen(function* () {
      const { handOver, port } = yield* holdSocket("127.0.0.1")
      const proxy = yield* readyProxy({
        config: { mcpServers: { raw } },
        entry: fixture("breakable-proxy.ts"),
        ...handOver
      })
      assert.strictEqual((yield* send(`http://localhost:${port}/health`)).status, 200)
      yield* command(proxy, "close")
      assert.strictEqual(yield* proxy.exited, 1)
      assert.match(proxy.output(), /CRITICAL main +The listening socket died: it was handed over/u)
      assert.match(proxy.output(), /\nThe listening socket died: it was handed over, and cannot be had again\n/u)
      yield* nobodyLeft(proxy.marker)
    }).pipe(Effect.scoped)
  )

  it.live("survives that no more files can be opened", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, through: ["prlimit", "--nofile=64"] })
      const open = Effect.callback<Socket>((resume) => {
        const socket = openSocket(proxy.port, "127.0.0.1")
        socket.on("error", () => {}).on("connect", () => resume(Effect.succeed(socket)))
      })
      const sockets = yield* Effect.all(Array.from({ length: 100 }, () => open))
      yield* eventually("some were turned away", () => sockets.some(({ closed }) => closed))
      yield* eventually("all descriptors are used", () => readdirSync(`/proc/${proxy.pid}/fd`).length >= 60)
      for (const socket of sockets) socket.destroy()
      yield* eventually("they are free again", () => readdirSync(`/proc/${proxy.pid}/fd`).length < 50)
      assert.strictEqual((yield* send(`http://localhost:${proxy.port}/health`)).status, 200)
      const session = yield* begin(proxy.url)
      assert.strictEqual((yield* post(proxy.url, toolCall("echo"), session)).status, 200)
    }).pipe(Effect.scoped)
  )
})

describe("a connection that breaks", () => {
  it.live("in the middle of anything is nobody else's concern", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      const session = yield* begin(proxy.url)
      const head = `POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nmcp-session-id: ${session["mcp-session-id"]}\r\n`
      const slow = JSON.stringify(toolCall("slow"))
      for (const bytes of [
        "",
        "POST /mcp",
        "\u0000\u0016\u0003",
        head,
        `${head}content-length: 100\r\n\r\n{`,
        `${head}content-length: ${slow.length}\r\n\r\n${slow}`,
        `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`
      ]) {
        yield* Effect.callback<void>((resume) => {
          const socket = openSocket(proxy.port, "127.0.0.1", () => {
            socket.write(bytes, () =>
              setTimeout(() => {
                reset(socket)
                resume(Effect.void)
              }, 20)
            )
          })
          socket.on("error", () => {})
        })
      }
      assert.strictEqual((yield* post(proxy.url, toolCall("echo"), session)).status, 200)
      assert.notMatch(proxy.output(), /ERROR|CRITICAL/u)
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 0)
    }).pipe(Effect.scoped)
  )
})
