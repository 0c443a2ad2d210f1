/** A listening socket that outlives the process: it is used, and no connection is refused while the process is replaced. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { Agent, request as nodeRequest } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { childrenOf, eventually, nobodyLeft, rawStdio, readyProxy, type RunningProxy, startProxy } from "./harness.ts"
import { holdSocket, type HeldSocket } from "./heldSocket.ts"
import { oldNode } from "./oldNode.ts"
import { begin, post, send } from "./wire.ts"

const config = { mcpServers: { raw: rawStdio() } }

const handedTo = (socket: HeldSocket, more: Readonly<Record<string, string>> = {}) => ({
  config,
  ...socket.handOver,
  env: { ...socket.handOver.env, ...more }
})

/** The sockets that a process has open, by the number that the system gives each. */
const socketsOf = (pid: number): ReadonlyArray<string> =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`)
      return target.startsWith("socket:") ? [target] : []
    } catch {
      return []
    }
  })

/** One that calls again and again, over one connection or ever new ones, and counts how each call ends. */
const caller = (url: string, keepAlive: boolean) =>
  Effect.gen(function* () {
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new Agent({ keepAlive, maxSockets: 1 })),
      (one) => Effect.sync(() => one.destroy())
    )
    const session = yield* begin(url)
    const counts = { results: 0, errors: [] as Array<string>, cut: [] as Array<string> }
    let calls = 0
    const ask = Effect.callback<void>((resume) => {
      const done = (note: () => void): void => {
        note()
        resume(Effect.void)
      }
      const n = ++calls
      const params = { name: "echo", arguments: { n } }
      const headers = { "content-type": "application/json", accept: "application/json", ...session }
      nodeRequest(url, { agent, method: "POST", headers }, (response) => {
        let text = ""
        response.on("data", (chunk: Buffer) => (text += chunk.toString()))
        response.on("error", (error) => done(() => counts.cut.push(`${n}: ${error.message}`)))
        response.on("end", () => {
          const isResult = response.statusCode === 200 && text.includes(`{\\"n\\":${n}}`)
          done(() => (isResult ? counts.results++ : counts.errors.push(`${response.statusCode} ${text}`)))
        })
      })
        .on("error", (error) => done(() => counts.cut.push(`${n}: ${error.message}`)))
        .end(JSON.stringify({ jsonrpc: "2.0", id: n, method: "tools/call", params }))
    })
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(ask, Effect.sleep(5))))
    return counts
  })

describe("a proxy that is handed its socket", () => {
  it.live("can be replaced again and again: whoever calls meanwhile is answered, on old connections and new ones", () =>
    Effect.gen(function* () {
      const socket = yield* holdSocket("127.0.0.1")
      const url = `http://localhost:${socket.port}/mcp`
      let proxy = yield* readyProxy(handedTo(socket))
      const { folder } = proxy
      const callers = yield* Effect.all([caller(url, true), caller(url, true), caller(url, true), caller(url, false)])
      const served = (more: number) => {
        const before = callers.map(({ results }) => results)
        return eventually(
          "all are served",
          () => callers.every(({ cut, results }, i) => cut.length > 0 || results >= (before[i] ?? 0) + more),
          30_000
        )
      }
      for (let generation = 0; generation < 3; generation++) {
        yield* served(20)
        yield* proxy.signal("SIGTERM")
        assert.strictEqual(yield* proxy.exited, 0)
        proxy = yield* readyProxy({ ...handedTo(socket), folder })
      }
      yield* served(20)
      assert.deepStrictEqual(
        callers.map(({ cut }) => cut),
        [[], [], [], []]
      )
      // Sessions outlive the process, so nobody is told anything but what they asked for.
      assert.deepStrictEqual(
        callers.flatMap(({ errors }) => errors),
        []
      )
    }).pipe(Effect.scoped)
  )

  it.live("says so, uses it in place of MCP_HOST and MCP_PORT, and hands nothing of it on to its servers", () =>
    Effect.gen(function* () {
      const socket = yield* holdSocket("127.0.0.1")
      const proxy = yield* readyProxy(handedTo(socket, { MCP_HOST: "0.0.0.0" }))
      assert.match(
        proxy.output(),
        new RegExp(`serves http://localhost:${socket.port}/mcp \\(listening on 127.0.0.1:`, "u")
      )
      assert.match(proxy.output(), /The socket was handed over \(LISTEN_FDS\), so MCP_HOST and MCP_PORT are not used/u)
      assert.strictEqual((yield* send(`http://localhost:${proxy.port}/health`)).status, 0, "not on MCP_PORT")
      const url = `http://localhost:${socket.port}/mcp`
      const env = yield* post(
        url,
        { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "env" } },
        yield* begin(url)
      )
      assert.notInclude(env.text, "LISTEN_")
      const listening = readlinkSync(`/proc/${proxy.pid}/fd/3`)
      assert.match(listening, /^socket:/u)
      const children = childrenOf(proxy.pid)
      assert.strictEqual(children.length, 2, "server and sidecar")
      for (const child of children) {
        assert.notInclude(socketsOf(child), listening)
        assert.notInclude(readFileSync(`/proc/${child}/environ`, "utf8"), "LISTEN_")
      }
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 0)
      yield* nobodyLeft(proxy.marker)
    }).pipe(Effect.scoped)
  )

  it.live("serves a Unix socket", () =>
    Effect.gen(function* () {
      const path = join(mkdtempSync(join(tmpdir(), "mcp-proxy-socket-")), "mcp.sock")
      const proxy = yield* readyProxy(handedTo(yield* holdSocket(path)))
      assert.include(proxy.output(), `serves http://localhost/mcp (listening on ${path})`)
      const health = yield* Effect.callback<number | undefined>((resume) => {
        nodeRequest({ socketPath: path, path: "/health" }, (response) =>
          resume(Effect.succeed(response.statusCode))
        ).end()
      })
      assert.strictEqual(health, 200)
    }).pipe(Effect.scoped)
  )

  it.live("without sign-in refuses one that others can reach", () =>
    Effect.gen(function* () {
      const proxy = yield* startProxy(handedTo(yield* holdSocket("0.0.0.0"), { MCP_HOST: "127.0.0.1" }))
      assert.strictEqual(yield* proxy.exited, 1)
      assert.match(proxy.output(), /The socket that was handed over, on 0\.0\.0\.0, lets others reach a proxy/u)
    }).pipe(Effect.scoped)
  )

  it.live("is told plainly what is wrong with it, or that it is another's", () =>
    Effect.gen(function* () {
      const socket = yield* holdSocket("127.0.0.1")
      const two = yield* startProxy(handedTo(socket, { LISTEN_FDS: "2" }))
      assert.strictEqual(yield* two.exited, 1)
      assert.match(two.output(), /LISTEN_FDS: 2 sockets were handed over, and one is taken/u)
      const { descriptors: _, ...without } = handedTo(socket)
      const nothing = yield* startProxy(without)
      assert.strictEqual(yield* nothing.exited, 1)
      assert.match(nothing.output(), /LISTEN_FDS: descriptor 3 is .*, not a listening TCP or Unix stream socket/u)
      const { through: __, ...direct } = handedTo(socket, { LISTEN_PID: "1" })
      const other = yield* readyProxy(direct)
      assert.match(other.output(), /LISTEN_FDS is for process 1, and this is \d+: not used/u)
      assert.strictEqual((yield* send(`http://localhost:${other.port}/health`)).status, 200)
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(oldNode === undefined)("gets it through the wrapper of an older Node", () =>
    Effect.gen(function* () {
      const socket = yield* holdSocket("127.0.0.1")
      const proxy: RunningProxy = yield* readyProxy({ ...handedTo(socket), node: oldNode ?? "" })
      assert.strictEqual((yield* send(`http://localhost:${socket.port}/health`)).status, 200)
      yield* proxy.signal("SIGKILL")
      yield* nobodyLeft(proxy.marker)
    }).pipe(Effect.scoped)
  )
})
