/** A remote server forgets our session: all who use it go on with the next one, and none of them notices. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { makeServer } from "../../src/domain/ServerConfig.ts"
import { ServerId, SessionKey } from "../../src/domain/ServerId.ts"
import * as Fleet from "../../src/fleet/Fleet.ts"
import { quiet } from "../../src/gateway/Watching.ts"
import * as Json from "../../src/domain/Json.ts"
import { layerMemory } from "../../src/storage/Store.ts"
import { EraVerdicts } from "../../src/upstream/EraVerdicts.ts"
import { HttpAgent } from "../../src/upstream/HttpAgent.ts"
import { Reaper } from "../../src/upstream/Reaper.ts"
import { type ForgetfulHttp, type Gone, notFound, start } from "../fixtures/forgetful-http.ts"
import { configOf } from "../support/memoryServers.ts"

const surroundings = Layer.mergeAll(
  HttpAgent.layer,
  Reaper.layerNone,
  Layer.provide(EraVerdicts.layer, layerMemory)
).pipe(Layer.provideMerge(NodeServices.layer))

/** Waits, in real time, until something holds. */
const eventually = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.repeat(Effect.sleep(10), { until: holds }).pipe(
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => Effect.die(new Error(`still not so: ${what}`))
    })
  )

/** A forgetful server, and a connection to it that is up. */
const connected = Effect.fnUntraced(function* (prepare: (server: ForgetfulHttp) => void = () => {}) {
  const server = yield* Effect.acquireRelease(
    Effect.promise(() => start()),
    (running) => Effect.promise(() => running.close())
  )
  prepare(server)
  const id = ServerId.make("forgetful")
  const config = makeServer({
    id,
    transport: { _tag: "Http", url: server.url, headers: {} },
    era: "legacy",
    isolation: "shared"
  })
  const fleet = Context.get(yield* Layer.build(Layer.provide(Fleet.layer(configOf(config)), surroundings)), Fleet.Fleet)
  const upstream = fleet.shared(id)
  if (upstream === undefined) return yield* Effect.die(new Error("there is no such server"))
  yield* upstream.settled
  assert.strictEqual(server.initializes(), 1)
  /** Calls a tool with a number; what it is answered. */
  const call = (n: number, name = "echo") => {
    const encode = (request: number) => [
      Json.encode({ jsonrpc: "2.0", id: request, method: "tools/call", params: { name, arguments: { n } } })
    ]
    const outgoing = { method: "tools/call", target: name, arguments: () => ({ n }), encode }
    return Effect.map(upstream.call(outgoing, quiet(SessionKey.make("s"))), ({ frame }) => {
      const answer = JSON.parse(Buffer.from(frame.bytes).toString()) as {
        readonly result?: { readonly content: ReadonlyArray<{ readonly text: string }> }
        readonly error?: { readonly message: string }
      }
      return answer.result?.content[0]?.text ?? answer.error?.message
    })
  }
  const calls = (from: number, to: number) =>
    Effect.all(
      Array.from({ length: to - from }, (_, index) => call(from + index)),
      { concurrency: "unbounded" }
    )
  return { server, upstream, call, calls }
})

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => String(from + index))

/** Every call was executed, and none twice. */
const assertOnce = (server: ForgetfulHttp, from: number, to: number): void => {
  const counts = numbers(from, to).map((n) => server.executed.get(Number(n)))
  assert.deepStrictEqual(
    counts,
    numbers(from, to).map(() => 1)
  )
}

const ways: ReadonlyArray<readonly [string, Gone]> = [
  ["with 404", notFound],
  [
    "with 404 under the id of the request",
    (id) => ({ status: 404, body: { jsonrpc: "2.0", id, error: { code: -32001, message: "gone" } } })
  ],
  ["with 404 and no JSON", () => ({ status: 404, body: undefined })],
  [
    "with 400, as the official examples do",
    () => ({
      status: 400,
      body: { jsonrpc: "2.0", id: null, error: { code: -32000, message: "Bad Request: No valid session ID provided" } }
    })
  ],
  [
    "with 400 in other words",
    () => ({
      status: 400,
      body: { jsonrpc: "2.0", id: "server-error", error: { code: -32600, message: "Session not found" } }
    })
  ]
]

describe("a session that the server has forgotten", () => {
  for (const [how, gone] of ways) {
    it.live(`and says so ${how} is renewed once for all, and each call is sent again and answered`, () =>
      Effect.gen(function* () {
        const { calls, server } = yield* connected((forgetful) => {
          forgetful.gone = gone
        })
        yield* calls(0, 3)
        server.forget()
        assert.deepStrictEqual(yield* calls(10, 40), numbers(10, 40))
        assert.strictEqual(server.initializes(), 2)
        assertOnce(server, 10, 40)
      }).pipe(Effect.scoped)
    )
  }

  it.live("is renewed though the server does not take the first attempt, for those who call meanwhile too", () =>
    Effect.gen(function* () {
      const { calls, server } = yield* connected()
      server.forget()
      server.failing = 1
      const first = yield* Effect.forkChild(calls(0, 10))
      yield* eventually("the first attempt has failed", () => server.initializes() >= 2)
      const second = yield* Effect.forkChild(calls(10, 20))
      assert.deepStrictEqual(yield* Fiber.join(first), numbers(0, 10))
      assert.deepStrictEqual(yield* Fiber.join(second), numbers(10, 20))
      assert.strictEqual(server.initializes(), 3)
      assertOnce(server, 0, 20)
    }).pipe(Effect.scoped)
  )

  it.live("is waited for by the calls that it was renewed for, also where it takes more than two attempts", () =>
    Effect.gen(function* () {
      const { calls, server } = yield* connected()
      server.forget()
      server.failing = 2
      assert.deepStrictEqual(yield* calls(0, 10), numbers(0, 10))
      assertOnce(server, 0, 10)
    }).pipe(Effect.scoped)
  )

  it.live("as only some calls are told goes on for those that are under way, to their ends", () =>
    Effect.gen(function* () {
      const { call, calls, server } = yield* connected()
      const slow = yield* Effect.forkChild(Effect.all([call(1, "slow"), call(2, "slow")], { concurrency: 2 }))
      yield* eventually("both are under way", () => server.waiting() === 2)
      let forgotten = 0
      server.amnesia = ({ method }) => method === "tools/call" && forgotten++ < 3
      assert.deepStrictEqual(yield* calls(10, 30), numbers(10, 30))
      server.finishSlow()
      assert.deepStrictEqual(yield* Fiber.join(slow), ["1", "2"])
      assertOnce(server, 1, 3)
      assertOnce(server, 10, 30)
      assert.strictEqual(server.initializes(), 2)
    }).pipe(Effect.scoped)
  )

  it.live("is renewed when the standing stream notices, before anybody calls, with what is watched", () =>
    Effect.gen(function* () {
      const { calls, server, upstream } = yield* connected((forgetful) => {
        forgetful.stands = true
      })
      upstream.watch("mem://thing", SessionKey.make("s"))
      yield* eventually("the stream stands", () => server.asked.includes("GET"))
      server.forget()
      yield* eventually(
        "it is renewed",
        () => server.initializes() === 2 && server.asked.includes("resources/subscribe")
      )
      yield* upstream.settled
      assert.deepStrictEqual(yield* calls(0, 3), numbers(0, 3))
      assert.strictEqual(server.initializes(), 2)
    }).pipe(Effect.scoped)
  )

  it.live("is renewed when a word of ours notices, of which no call knows", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* connected()
      server.forget()
      yield* upstream.notify(Json.encode({ jsonrpc: "2.0", method: "notifications/roots/list_changed" }))
      yield* eventually("it is renewed", () => server.initializes() === 2)
    }).pipe(Effect.scoped)
  )

  it.live(
    "over the head of a call that it had taken leaves that call's outcome unknown, and is renewed for the others",
    () =>
      Effect.gen(function* () {
        const { call, server } = yield* connected((forgetful) => {
          forgetful.stands = true
        })
        const error = yield* Effect.flip(call(1, "lose"))
        assert.match(error.message, /Outcome unknown/u)
        assert.strictEqual(server.executed.get(1), 1, "it is not made a second time")
        assert.strictEqual(yield* call(2), "2")
        assert.strictEqual(server.initializes(), 2)
      }).pipe(Effect.scoped)
  )

  it.live("again and again costs each call one renewal and no more, and is said", () =>
    Effect.gen(function* () {
      const { call, server } = yield* connected()
      server.amnesia = ({ method }) => method === "tools/call"
      const error = yield* Effect.flip(call(1))
      assert.match(error.message, /Server "forgetful" did not take the call: the server ended the session/u)
      assert.strictEqual(server.initializes(), 2)
      assert.strictEqual(server.executed.size, 0)
      server.amnesia = () => false
      assert.strictEqual(yield* call(2), "2")
    }).pipe(Effect.scoped)
  )
})

describe("a refusal that is none of the session", () => {
  it.live("is the answer, and nothing is renewed", () =>
    Effect.gen(function* () {
      const { call, server } = yield* connected((forgetful) => {
        forgetful.gone = (id) => ({
          status: 400,
          body: { jsonrpc: "2.0", id, error: { code: -32602, message: "Unknown session type: x" } }
        })
      })
      server.amnesia = ({ method }) => method === "tools/call"
      assert.strictEqual(yield* call(1), "Unknown session type: x")
      server.gone = () => ({ status: 400, body: "Bad Request: n is too large" })
      assert.match((yield* Effect.flip(call(2))).message, /it answered HTTP 400: "Bad Request: n is too large"/u)
      assert.strictEqual(server.initializes(), 1)
    }).pipe(Effect.scoped)
  )
})
