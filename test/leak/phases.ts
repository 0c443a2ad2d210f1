/** What is done to a proxy, over and over, each time leaving nothing behind. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, type Socket } from "node:net"
import { Connection } from "../../bench/load/Connection.ts"
import * as Load from "../../bench/load/Load.ts"
import * as Messages from "../../bench/load/Messages.ts"
import { begin, HOST, lanes } from "../../bench/targets/Target.ts"
import { BOUNDS } from "../../src/gateway/EventLog.ts"
import { eventually } from "../integration/harness.ts"
import { openStream, reset, send } from "../integration/wire.ts"
import * as Scene from "./Scene.ts"

/** Does so much of something; dies where it has not done it. */
export type Step = (count: number) => Effect.Effect<void>

export type Phase = (scene: Scene.Scene) => Effect.Effect<Step, never, Scope.Scope>

const FRONT = { answers: "json", era: "legacy" } as const
const PAYLOAD = 100

const addressOf = (scene: Scene.Scene, front: Pick<Messages.Address, "answers" | "era"> = FRONT): Messages.Address => ({
  host: HOST,
  port: scene.proxy.port,
  path: "/mcp",
  headers: Scene.HEADERS,
  ...front
})

const openConnection = (scene: Scene.Scene) =>
  Effect.acquireRelease(
    Effect.promise(() => Connection.open(HOST, scene.proxy.port)),
    (connection) => Effect.sync(() => connection.close())
  )

/** A legacy session on a connection of its own; the address to send to from then on. */
const session = Effect.fnUntraced(function* (scene: Scene.Scene) {
  const connection = yield* openConnection(scene)
  const address = addressOf(scene)
  const named = yield* Effect.promise(() => begin(connection, address))
  return { connection, address: { ...address, headers: { ...address.headers, ...named } }, id: named }
})

const exchange = (connection: Connection, bytes: Buffer) => Effect.promise(() => connection.exchange(bytes))

/** Shares so many things to do among workers that do one after another. */
const shared = <A>(workers: ReadonlyArray<A>, count: number, use: (worker: A, index: number) => Effect.Effect<void>) =>
  Effect.suspend(() => {
    let taken = 0
    const work = (worker: A): Effect.Effect<void> =>
      Effect.suspend(() => (taken >= count ? Effect.void : Effect.andThen(use(worker, taken++), work(worker))))
    return Effect.forEach(workers, work, { concurrency: "unbounded", discard: true })
  })

/** So much of the lanes' requests; dies where one of them was not answered as it should be. */
const load = (all: ReadonlyArray<Load.Lane>, total: number): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.promise(() => Load.run(all, { total })),
    ({ failed, failures }) => (failed === 0 ? Effect.void : Effect.die(new Error(failures[0])))
  )

/** Connections that stay, in both eras and with both kinds of answers, to a local and a remote server. */
const calls: Phase = (scene) =>
  Effect.gen(function* () {
    const all: Array<Load.Lane> = []
    yield* Effect.addFinalizer(() => Effect.sync(() => all.forEach(({ connection }) => connection.close())))
    for (const era of ["legacy", "modern"] as const) {
      for (const answers of ["json", "stream"] as const) {
        for (const server of ["echo", "remote"]) {
          const running = { ...addressOf(scene), sessions: "each" } as const
          const prepare = (address: Messages.Address) => Messages.echo(address, PAYLOAD, `${server}_echo`)
          const made = yield* Effect.promise(() => lanes(running, { answers, era }, 1, prepare))
          // Until there are as many streams as are kept of a session.
          if (era === "legacy" && answers === "stream") yield* load(made, BOUNDS.streamsOfOne)
          all.push(...made)
        }
      }
    }
    return (count) => load(all, count)
  })

/** Each crash is that of a server in the middle of a call, after which it is started anew. */
const crashes: Phase = (scene) =>
  Effect.gen(function* () {
    const workers = yield* Effect.forEach(Array.from({ length: Scene.CRASHING }), (_, index) =>
      Effect.map(session(scene), ({ address, connection }) => ({
        connection,
        call: Messages.call(address, `crash${index}_exit`, {}).bytes
      }))
    )
    return (count) =>
      Effect.gen(function* () {
        const before = scene.starts()
        const crash = ({ call, connection }: (typeof workers)[number]): Effect.Effect<void> =>
          Effect.flatMap(exchange(connection, call), ({ body }) => {
            if (body.includes("Outcome unknown")) return Effect.void
            if (body.includes("is backing off")) return Effect.andThen(Effect.sleep(1), crash({ call, connection }))
            return Effect.die(new Error(`no crash, but: ${body}`))
          })
        yield* shared(workers, count, crash)
        yield* eventually(`${count} servers were started anew`, () => scene.starts() - before >= count)
      })
  })

/**
 * A third of them ends as it should; a third is left as it is, of which the proxy keeps so many and no more; a third is left
 * with a standing stream that breaks off.
 */
const sessions: Phase = (scene) =>
  Effect.gen(function* () {
    const workers = yield* Effect.forEach(Array.from({ length: 4 }), () => openConnection(scene))
    const address = addressOf(scene)
    const useOne = Effect.fnUntraced(function* (connection: Connection, index: number) {
      const named = yield* Effect.promise(() => begin(connection, address))
      const own = { ...address, headers: { ...address.headers, ...named } }
      const called = yield* exchange(connection, Messages.echo(own, PAYLOAD, "echo_echo").bytes)
      if (called.status !== 200) return yield* Effect.die(new Error(`a call: HTTP ${called.status} ${called.body}`))
      if (index % 3 === 0) yield* remove(connection, own)
      else if (index % 3 === 1) yield* standing(own)
    })
    return (count) => shared(workers, count, useOne)
  })

const remove = Effect.fnUntraced(function* (connection: Connection, address: Messages.Address) {
  const lines = [
    `DELETE ${address.path} HTTP/1.1`,
    `host: ${address.host}:${address.port}`,
    ...Object.entries(address.headers).map(([name, value]) => `${name}: ${value}`)
  ]
  const { body, status } = yield* exchange(connection, Buffer.from(`${lines.join("\r\n")}\r\n\r\n`))
  if (status >= 300) return yield* Effect.die(new Error(`DELETE: HTTP ${status} ${body}`))
})

/** A stream that is opened, and whose connection ends once something has come on it. */
const standing = Effect.fnUntraced(function* ({ headers, path, port }: Messages.Address) {
  const stream = yield* openStream(`http://${HOST}:${port}${path}`, headers)
  yield* eventually("the stream begins", () => stream.text() !== "")
  yield* stream.close
})

/** Servers that come, go, are rebuilt, and shown otherwise. */
const reloads: Phase = (scene) =>
  Effect.gen(function* () {
    let reloaded = 0
    const { stays, comes } = scene.spare
    const configurations: ReadonlyArray<Parameters<typeof scene.configure>[0]> = [
      { stays, comes },
      { stays: { ...stays, callTimeout: "1 minute" }, comes },
      { stays: { ...stays, disabledTools: ["exit"] } },
      { stays }
    ]
    const reload = (servers: Parameters<typeof scene.configure>[0]) =>
      Effect.gen(function* () {
        yield* scene.configure(servers)
        const url = `http://${HOST}:${scene.proxy.port}/admin/reload`
        const { status, text } = yield* send(url, { method: "POST", headers: Scene.HEADERS })
        if (status !== 200) return yield* Effect.die(new Error(`no reload: HTTP ${status} ${text}`))
        return text
      })
    const next = Effect.gen(function* () {
      const text = yield* reload(configurations[reloaded++ % configurations.length] ?? {})
      if (text.includes('"added":[],"removed":[],"changed":[]')) {
        return yield* Effect.die(new Error(`nothing was reloaded: ${text}`))
      }
    })
    // As the last of them leaves it.
    yield* reload({ stays })
    return (count) => Effect.asVoid(Effect.repeat(next, { times: count - 1 }))
  })

/** Opens a connection by hand and says something on it. */
const say = (scene: Scene.Scene, text: string | Uint8Array): Effect.Effect<Socket> =>
  Effect.callback<Socket>((resume) => {
    const socket = connect(scene.proxy.port, HOST, () => socket.write(text, () => resume(Effect.succeed(socket))))
    socket.on("error", () => {})
  })

const heads = (address: Messages.Address, more: ReadonlyArray<string>): string =>
  [
    `host: ${address.host}:${address.port}`,
    "content-type: application/json",
    "accept: text/event-stream, application/json",
    ...Object.entries(address.headers).map(([name, value]) => `${name}: ${value}`),
    ...more
  ].join("\r\n")

const halfAHead = (address: Messages.Address): string => `POST /mcp HTTP/1.1\r\n${heads(address, []).slice(0, -9)}`

/** Longer than the proxy gives a client to write its headers. */
const GIVEN_UP_MILLIS = 60_000

/** So many clients say half of a head and then nothing, and wait for the proxy to give them up. */
export const silentClients = (scene: Scene.Scene, count: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    let open = 0
    for (let index = 0; index < count; index++) {
      const socket = yield* say(scene, halfAHead(addressOf(scene)))
      open++
      socket.resume().on("close", () => open--)
    }
    yield* eventually(`${count} silent clients are given up`, () => open === 0, GIVEN_UP_MILLIS)
  })

/**
 * What a client has said when it vanishes: half a head, half a body, that it wants a stream, a call that takes long. (Of a
 * legacy client's call the answer is kept for its return, so that one is modern.) On loopback nobody can vanish without a
 * word, so half of them send a FIN and half a RST.
 */
const halfOpen: Phase = (scene) =>
  Effect.gen(function* () {
    const { address } = yield* session(scene)
    const modern = addressOf(scene, { answers: "stream", era: "modern" })
    const texts = [
      halfAHead(address),
      `POST /mcp HTTP/1.1\r\n${heads(address, ["content-length: 1000"])}\r\n\r\n{"jsonrpc":"2.0",`,
      `GET /mcp HTTP/1.1\r\n${heads(address, [])}\r\n\r\n`,
      Messages.call(modern, "echo_slow", { millis: 500 }).bytes
    ]
    const vanish = Effect.fnUntraced(function* (_: unknown, index: number) {
      const socket = yield* say(scene, texts[index % texts.length] ?? "")
      yield* Effect.sleep(20)
      if (Math.floor(index / texts.length) % 2 === 0) socket.destroy()
      else reset(socket)
    })
    return (count) => shared(Array.from({ length: 8 }), count, vanish)
  })

export const phases = { call: calls, crash: crashes, session: sessions, reload: reloads, client: halfOpen }
