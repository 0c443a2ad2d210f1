/** Bounds as they are met by real servers and clients: what is too much fails by itself, and disturbs nobody else. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { connect as openSocket } from "node:net"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import { Shelf } from "../../src/domain/Catalogue.ts"
import * as Json from "../../src/domain/Json.ts"
import * as Lane from "../../src/domain/Lane.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import * as Store from "../../src/storage/Store.ts"
import { Buffers } from "../../src/upstream/Bounds.ts"
import { EraVerdicts } from "../../src/upstream/EraVerdicts.ts"
import { HttpAgent } from "../../src/upstream/HttpAgent.ts"
import { Reaper } from "../../src/upstream/Reaper.ts"
import { unanswerable } from "../../src/upstream/Rpc.ts"
import * as Supervisor from "../../src/upstream/Supervisor.ts"
import { Upstream } from "../../src/upstream/Upstream.ts"
import { serverConfig } from "../support/connections.ts"
import { call, connect, textOf } from "./client.ts"
import { eventually, fixture, readyProxy, startProxy } from "./harness.ts"
import { begin, messageOf, post } from "./wire.ts"

const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }

const KB = 1024
const MB = 1024 * KB

describe("a stdio server", () => {
  const platform = Layer.mergeAll(HttpAgent.layer, Reaper.layer).pipe(Layer.provideMerge(NodeServices.layer))

  /** One real server, within a budget; its answers as text. */
  const supervise = Effect.fnUntraced(function* (limit: number) {
    const buffers = new ByteBudget(limit)
    const config = serverConfig({ era: "legacy", transport: { _tag: "Stdio", ...raw, env: {}, cwd: undefined } })
    const services = yield* Layer.build(
      Supervisor.layer({ config, lane: Lane.shared, shelf: new Shelf(), publish: () => {} }).pipe(
        Layer.provide(EraVerdicts.layer.pipe(Layer.provide(Store.layerMemory))),
        Layer.provide(platform),
        Layer.provide(Layer.succeed(Buffers, buffers))
      )
    )
    const upstream = Context.get(services, Upstream)
    yield* upstream.settled
    const callTool = (name: string, given: object = {}) =>
      upstream
        .call(
          {
            method: "tools/call",
            encode: (id) => [
              Json.encode({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: given } })
            ]
          },
          {
            session: SessionKey.make("s"),
            notify: () => {},
            ask: () => Effect.succeed(unanswerable("nobody is there")),
            polling: () => {}
          }
        )
        .pipe(Effect.map(({ frame }) => Buffer.from(frame.bytes).toString()))
    const pid = Number(/"text":"(\d+)"/u.exec(yield* callTool("pid"))?.[1])
    return { buffers, callTool, pid }
  })

  it.live("whose answer finds no room did the call, and its caller is told so; the connection lives on", () =>
    Effect.gen(function* () {
      const { buffers, callTool, pid } = yield* supervise(MB)
      const error = yield* Effect.flip(callTool("big", { bytes: 4 * MB }))
      assert.strictEqual(error._tag, "AnswerDropped")
      assert.match(
        error.message,
        /^Server "server" did the call, but its answer was dropped: a message of \d{7} bytes: .*MCP_BUFFER_BYTES\)$/u
      )
      assert.include(yield* callTool("pid"), `"${pid}"`)
      yield* eventually("all is given back", () => buffers.taken === 0)
    }).pipe(Effect.scoped)
  )

  it.live("that reads nothing is sent no more than there is room for; what was not sent is said not to have been", () =>
    Effect.gen(function* () {
      const { buffers, callTool, pid } = yield* supervise(MB)
      process.kill(pid, "SIGSTOP")
      const pad = "x".repeat(300 * KB)
      // The pipe itself takes some.
      const waiting = yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(callTool("echo", { pad })))
      yield* eventually("they wait", () => buffers.taken > 600 * KB)
      const refused = yield* Effect.flip(callTool("echo", { pad: `${pad}${pad}` }))
      assert.match(refused.message, /^Server "server" did not take the call: .*MCP_BUFFER_BYTES\)$/u)
      process.kill(pid, "SIGCONT")
      for (const answer of yield* Effect.forEach(waiting, Fiber.join)) assert.include(answer, "xxx")
      yield* eventually("all is given back", () => buffers.taken === 0)
    }).pipe(Effect.scoped)
  )

  it.live("that is killed while much waits for it leaves nothing counted", () =>
    Effect.gen(function* () {
      const { buffers, callTool, pid } = yield* supervise(MB)
      process.kill(pid, "SIGSTOP")
      const waiting = yield* Effect.forkScoped(Effect.exit(callTool("echo", { pad: "x".repeat(600 * KB) })))
      yield* eventually("it waits", () => buffers.taken > 500 * KB)
      process.kill(pid, "SIGKILL")
      yield* Fiber.join(waiting)
      yield* eventually("all is given back", () => buffers.taken === 0)
    }).pipe(Effect.scoped)
  )
})

describe("a client that does not read its answer", () => {
  it.live("does not hold up the server that it shares with others, and is let go after MCP_STALL_TIME", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, env: { MCP_STALL_TIME: "2" } })
      const session = yield* begin(proxy.url)
      const other = yield* connect(proxy.url)
      const body = JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "big", arguments: { bytes: 32 * MB } }
      })
      const socket = openSocket(proxy.port, "127.0.0.1")
      socket.on("error", () => {})
      socket.pause()
      const head = {
        host: `localhost:${proxy.port}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "content-length": String(body.length),
        ...session
      }
      const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}`)
      socket.write(`POST /mcp HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`)
      const letGo = yield* Effect.forkScoped(
        proxy.printed(/has read nothing for 2s \(MCP_STALL_TIME\) of the \d+ bytes that wait for it/u)
      )
      let calls = 0
      while (letGo.pollUnsafe() === undefined) {
        assert.strictEqual(textOf(yield* call(other, "echo", { calls: ++calls })), `{"calls":${calls}}`)
        yield* Effect.sleep(20)
      }
      assert.isAbove(calls, 10)
      yield* Fiber.join(letGo)
      socket.destroy()
    }).pipe(Effect.scoped)
  )
})

describe("the bounds that are set", () => {
  it.live("are those of a message in and out, and of requests a second", () =>
    Effect.gen(function* () {
      const env = { MCP_MAX_MESSAGE: "64 KiB", MCP_RATE_LIMIT: "5", MCP_RATE_BURST: "8" }
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, env })
      const session = yield* begin(proxy.url)
      const tool = (id: number, name: string, args: object) => ({
        jsonrpc: "2.0",
        id,
        method: "tools/call",
        params: { name, arguments: args }
      })
      const body = yield* post(proxy.url, tool(1, "echo", { pad: "x".repeat(70_000) }), session)
      assert.deepStrictEqual([body.status, messageOf(body).error?.message.includes("MCP_MAX_MESSAGE")], [413, true])
      const answer = messageOf(yield* post(proxy.url, tool(2, "big", { bytes: 70_000 }), session))
      assert.deepStrictEqual([answer["id"], answer.error?.code], [2, 1502])
      assert.match(
        answer.error?.message ?? "",
        /did the call, but its answer was dropped: .*65536 bytes \(MCP_MAX_MESSAGE\)/u
      )
      const answers = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => index),
        (index) => post(proxy.url, tool(index + 3, "echo", {}), session),
        { concurrency: "unbounded" }
      )
      const refused = answers.filter(({ status }) => status === 429)
      assert.isAtLeast(refused.length, 5)
      assert.strictEqual(refused[0]?.headers["retry-after"], "1")
      assert.strictEqual((yield* post(proxy.url, tool(30, "echo", {}), yield* begin(proxy.url))).status, 200)
    }).pipe(Effect.scoped)
  )

  it.live("are refused at the start where no message could pass", () =>
    Effect.gen(function* () {
      const proxy = yield* startProxy({ config: { mcpServers: { raw } }, env: { MCP_BUFFER_BYTES: "1 MiB" } })
      yield* proxy.printed(/MCP_BUFFER_BYTES: expected at least MCP_MAX_MESSAGE \(67108864 bytes\)/u)
      assert.strictEqual(yield* proxy.exited, 1)
    }).pipe(Effect.scoped)
  )
})
