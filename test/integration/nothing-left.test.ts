/** However a call, a client, a session or a server ends: no process, socket, descriptor or timer is left behind by it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, writeFileSync } from "node:fs"
import { connect as openSocket } from "node:net"
import { join } from "node:path"
import { META } from "../../src/domain/Protocol.ts"
import { start as startRawHttp } from "../fixtures/raw-http.ts"
import {
  childrenOf,
  eventually,
  fixture,
  isAlive,
  nobodyLeft,
  readyProxy,
  type RunningProxy,
  survivors,
  rawStdio
} from "./harness.ts"
import { begin, eventsOf, openStream, post, request, reset, send, toolCall } from "./wire.ts"

/** A request that says it all, of a client that can be asked. */
const modern = (method: string, params: object) => {
  const { name } = params as { readonly name?: string }
  const envelope = {
    [META.protocolVersion]: "2026-07-28",
    [META.clientCapabilities]: { elicitation: { form: {} } },
    [META.clientInfo]: { name: "left", version: "1" },
    progressToken: 1
  }
  return {
    headers: {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(name === undefined ? {} : { "mcp-name": name })
    },
    body: JSON.stringify(request(method, { ...params, _meta: envelope }))
  }
}

/** What a proxy has, beside memory. */
interface Belongings {
  readonly processes: number
  readonly descriptors: number
  /** What keeps its event loop busy, by kind: sockets, pipes, processes, timers. */
  readonly resources: Readonly<Record<string, number>>
}

const belongings = Effect.fnUntraced(function* (proxy: RunningProxy) {
  const before = proxy.output().length
  writeFileSync(join(proxy.folder, "command"), "resources")
  yield* proxy.signal("SIGUSR2")
  const said = () => /^resources (\{.*\})$/mu.exec(proxy.output().slice(before))
  yield* eventually("it says what it has", () => said() !== null)
  return {
    processes: survivors(proxy.marker).length,
    descriptors: readdirSync(`/proc/${proxy.pid}/fd`).length,
    resources: JSON.parse(said()?.[1] ?? "{}") as Belongings["resources"]
  } satisfies Belongings
})

/** What somebody has more of than before, in words. */
const surplus = (before: Belongings, now: Belongings): ReadonlyArray<string> =>
  [
    ["processes", before.processes, now.processes] as const,
    ["descriptors", before.descriptors, now.descriptors] as const,
    ...Object.entries(now.resources).map(([kind, count]) => [kind, before.resources[kind] ?? 0, count] as const)
  ].flatMap(([what, then, count]) => (count > then ? [`${count} ${what}, not ${then}`] : []))

/** Opens a connection by hand, and drops it once so much was said and something has come back, or not. */
const dropped = (port: number, bytes: string, isReset: boolean) =>
  Effect.callback<void>((resume) => {
    const socket = openSocket(port, "127.0.0.1", () => {
      socket.write(bytes, () =>
        setTimeout(() => {
          if (isReset) reset(socket)
          else socket.destroy()
        }, 100)
      )
    })
    socket.on("error", () => {}).on("close", () => resume(Effect.void))
  })

type Session = Effect.Success<ReturnType<typeof begin>>

/** A session with one server, which its client ends. Of one that is merely left the connections stay for gateway.laneIdle. */
const inSession =
  (server: string, use: (url: string, session: Session, proxy: RunningProxy) => Effect.Effect<unknown>) =>
  (proxy: RunningProxy) =>
    Effect.gen(function* () {
      const url = `${proxy.url}/${server}`
      const session = yield* begin(url)
      yield* use(url, session, proxy)
      yield* send(url, { method: "DELETE", headers: session })
    })

/** What begins, and how it ends. */
const ends: Readonly<Record<string, (proxy: RunningProxy) => Effect.Effect<unknown>>> = {
  "a call that is answered": inSession("shared", (url, session) => post(url, toolCall("echo"), session)),
  "a call whose client goes away in the middle of the answer": inSession(
    "shared",
    Effect.fnUntraced(function* (url, session) {
      const stream = yield* openStream(url, session, JSON.stringify(toolCall("slow", { steps: 5 })))
      yield* eventually("it is under way", () => eventsOf(stream.text()).length >= 2)
      yield* stream.close
    })
  ),
  "a call whose session is ended": inSession(
    "own",
    Effect.fnUntraced(function* (url, session) {
      const stream = yield* openStream(url, session, JSON.stringify(toolCall("slow", { steps: 600 })))
      yield* eventually("it is under way", () => eventsOf(stream.text()).length >= 2)
    })
  ),
  "a modern client's call whose client goes away": Effect.fnUntraced(function* ({ url }) {
    const { body, headers } = modern("tools/call", { name: "slow", arguments: { steps: 600 } })
    const stream = yield* openStream(`${url}/shared`, headers, body)
    yield* eventually("it is under way", () => eventsOf(stream.text()).length >= 1)
    yield* stream.close
  }),
  "a call that its client cancels": inSession(
    "shared",
    Effect.fnUntraced(function* (url, session) {
      const preferring = { ...session, accept: "text/event-stream, application/json" }
      const stream = yield* openStream(url, preferring, JSON.stringify(toolCall("hang", {}, 7)))
      const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } }
      yield* post(url, cancelled, session)
      yield* eventually("it is over", stream.ended)
    })
  ),
  "a call that waits for answers that nobody brings": Effect.fnUntraced(function* ({ url }) {
    const { body, headers } = modern("tools/call", { name: "ask", arguments: {} })
    const asked = yield* post(`${url}/own`, body, headers)
    assert.include(asked.text, "input_required")
  }),
  "a standing stream that is closed": inSession("shared", (url, session) =>
    Effect.flatMap(openStream(url, session), (stream) => stream.close)
  ),
  "a standing stream whose session is ended": inSession("shared", (url, session) => openStream(url, session)),
  "a modern client's stream of changes": Effect.fnUntraced(function* ({ url }) {
    const { body, headers } = modern("subscriptions/listen", { notifications: { toolsListChanged: true } })
    const stream = yield* openStream(`${url}/shared`, headers, body)
    yield* eventually("it stands", () => eventsOf(stream.text()).length >= 1)
    yield* stream.close
  }),
  "a client that goes away before it has asked anything": ({ port }) => dropped(port, "", false),
  "a client that goes away in the middle of asking": ({ port }) =>
    dropped(port, "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n{", true),
  "a session with a process of its own": inSession("own", (url, session) => post(url, toolCall("echo"), session)),
  "a session with a remote session of its own": inSession("remote", (url, session) =>
    post(url, toolCall("echo"), session)
  ),
  "a server that crashes in the middle of a call": inSession(
    "shared",
    Effect.fnUntraced(function* (url, session, proxy) {
      const before = proxy.output().split("shared ready in").length
      const lost = yield* post(url, toolCall("exit"), session)
      assert.include(lost.text, "Outcome unknown")
      yield* eventually("it is back", () => proxy.output().split("shared ready in").length > before)
    })
  ),
  "a remote server's answer that breaks off": inSession("remote", (url, session) => post(url, toolCall("cut"), session))
}

describe("nothing is left of", () => {
  const scene = Effect.gen(function* () {
    const remote = yield* Effect.acquireRelease(
      Effect.promise(() => startRawHttp()),
      (server) => Effect.promise(() => server.close())
    )
    return yield* readyProxy({
      config: {
        mcpServers: {
          shared: rawStdio(),
          own: { ...rawStdio(), isolation: "session" },
          remote: { url: remote.url, isolation: "session" }
        }
      },
      entry: fixture("breakable-proxy.ts"),
      env: { MCP_PARK_TIME: "1", MCP_RESTART_DELAY: "0.1" }
    })
  })

  /** Waits until it has no more than before. */
  const settledAs = (before: Belongings, proxy: RunningProxy, what: string) =>
    Effect.suspend(() => {
      let left: ReadonlyArray<string> = []
      const look = Effect.gen(function* () {
        left = surplus(before, yield* belongings(proxy))
        if (left.length > 0) yield* Effect.sleep("200 millis")
      })
      return Effect.repeat(look, { while: () => left.length > 0 }).pipe(
        Effect.timeoutOrElse({
          duration: "30 seconds",
          orElse: () => Effect.die(new Error(`left of ${what}: ${left.join("; ")}`))
        })
      )
    })

  it.live(
    "whatever ends while the proxy runs: calls, clients, sessions, servers",
    () =>
      Effect.gen(function* () {
        const proxy = yield* scene
        // What is opened once and kept for the next time is no loss, so each happens once before.
        yield* Effect.forEach(Object.values(ends), (happens) => happens(proxy), { discard: true })
        // By then the connections to the remote server that nobody uses are closed.
        yield* Effect.sleep("6 seconds")
        const before = yield* belongings(proxy)
        for (const [what, happens] of Object.entries(ends)) {
          yield* Effect.all([happens(proxy), happens(proxy)], { discard: true })
          yield* settledAs(before, proxy, what)
        }
        yield* proxy.signal("SIGTERM")
        assert.strictEqual(yield* proxy.exited, 0)
        yield* nobodyLeft(proxy.marker)
      }).pipe(Effect.scoped),
    180_000
  )

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it.live(`a proxy that ends by ${signal}, whatever its servers are wrapped in and have started themselves`, () =>
      Effect.gen(function* () {
        const { args, command } = rawStdio("--ignore-term", "--grandchild")
        // What npx and uvx are: a process that waits for the one that does the work.
        const wrapped = { command: "sh", args: ["-c", `"$@"; exit $?`, "sh", command, ...args] }
        const proxy = yield* readyProxy({ config: { mcpServers: { wrapped, stubborn: { command, args } } } })
        yield* eventually("all of them run", () => survivors(proxy.marker).length === 6)
        const children = childrenOf(proxy.pid)
        assert.strictEqual(children.length, 3, "two servers and the sidecar")
        yield* proxy.signal(signal)
        assert.strictEqual(yield* proxy.exited, signal === "SIGKILL" ? signal : 0)
        yield* nobodyLeft(proxy.marker)
        yield* eventually("the sidecar is gone too", () => !children.some(isAlive))
      }).pipe(Effect.scoped)
    )
  }
})
