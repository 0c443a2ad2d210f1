/** How many calls are made at a time, whose turn is next, and what those are told whose turn does not come. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import type { QueueBounds } from "../../src/domain/FairQueue.ts"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import { anonymous, type Principal } from "../../src/domain/Principal.ts"
import { Subject } from "../../src/domain/ServerId.ts"
import { Fleet } from "../../src/fleet/Fleet.ts"
import * as Limits from "../../src/gateway/Limits.ts"
import { Proxy } from "../../src/gateway/Proxy.ts"
import { Buffers } from "../../src/upstream/Bounds.ts"
import { memoryFleet, type MemoryRequest, type MemoryServer } from "../support/memoryFleet.ts"
import { server } from "../support/memoryProcesses.ts"
import { configOf, local, memoryServers } from "../support/memoryServers.ts"
import { settle } from "../support/settle.ts"
import { arrived, EVERYBODY, memoryGateway, person } from "../support/memoryGateway.ts"

const machine = (name: string): Principal => ({
  subject: Subject.make(`key:${name}`),
  kind: "machine",
  displayName: name
})

const bounds = (concurrent: number, queued = 1000): QueueBounds => ({ concurrent, queued })

const wordOf = ({ params }: MemoryRequest): string =>
  (params as { readonly arguments: { readonly word: string } }).arguments.word

interface Options {
  readonly calls?: QueueBounds
  readonly perOwner?: QueueBounds
  readonly bounds?: Layer.Layer<never>
  readonly server?: Partial<MemoryServer>
}

/** A gateway before a server whose calls end when the test says so, by the word that they were made with. */
const scene = Effect.fnUntraced(function* (options: Options = {}) {
  const { calls = bounds(1), perOwner = bounds(1000), server = {} } = options
  const under = new Map<string, Deferred.Deferred<void>>()
  const made: Array<string> = []
  const play: MemoryServer["play"] = (request) =>
    Effect.gen(function* () {
      const word = wordOf(request)
      const gate = yield* Deferred.make<void>()
      under.set(word, gate)
      made.push(word)
      yield* Effect.ensuring(
        Deferred.await(gate),
        Effect.sync(() => under.delete(word))
      )
      return { result: { word } }
    })
  const fleet = memoryFleet({ one: { offer: { tools: ["work"] }, calls, play, ...server } })
  const gateway = yield* memoryGateway(fleet, EVERYBODY, {
    bounds: Layer.merge(Layer.succeed(Limits.PerOwner, perOwner), options.bounds ?? Layer.empty)
  })
  const limits = yield* Effect.provide(Limits.Limits, gateway.services)

  /** Makes a call and waits until it is made, or waits for its turn. */
  const call = (client: {
    readonly send: (method: string, params: object) => Effect.Effect<{ readonly body: string }>
  }) =>
    Effect.fnUntraced(function* (word: string) {
      const before = made.length + limits.waiting()
      const fiber = yield* Effect.forkScoped(client.send("tools/call", { name: "work", arguments: { word } }))
      yield* arrived(() => made.length + limits.waiting() > before || fiber.pollUnsafe() !== undefined)
      const answer = Effect.map(
        Fiber.join(fiber),
        ({ body }) =>
          // What took longer than ten seconds came on a stream.
          JSON.parse([...body.matchAll(/^data: (\{.*\})$/gmu)].at(-1)?.[1] ?? body) as {
            readonly result?: { readonly word: string }
            readonly error?: { readonly code: number; readonly message: string }
          }
      )
      return { answer, close: Fiber.interrupt(fiber) }
    })

  /** Ends a call at its server, and waits until the next turn has come, where somebody waits. */
  const end = Effect.fnUntraced(function* (word: string) {
    const [count, waits] = [made.length, limits.waiting()]
    const gate = under.get(word)
    if (gate === undefined) return yield* Effect.die(new Error(`${word} is not under way`))
    yield* Deferred.succeed(gate, undefined)
    yield* arrived(() => !under.has(word) && (waits === 0 || made.length > count))
  })
  return { ...gateway, limits, made, call, end }
})

describe("calls beyond what a server is given at a time", () => {
  it.effect("wait, and are made when another ends", () =>
    Effect.gen(function* () {
      const { begin, call, end, limits, made } = yield* scene()
      const ada = call(yield* begin(person("ada@example.com")))
      const first = yield* ada("a")
      const second = yield* ada("b")
      assert.deepStrictEqual([made, limits.waiting()], [["a"], 1])
      yield* end("a")
      assert.deepStrictEqual(made, ["a", "b"])
      yield* end("b")
      assert.deepStrictEqual([(yield* first.answer).result?.word, (yield* second.answer).result?.word], ["a", "b"])
    }).pipe(Effect.scoped)
  )

  it.effect("of one credential's flood do not delay another's call by more than its turn, in either era", () =>
    Effect.gen(function* () {
      for (const revision of ["2025-11-25", "2026-07-28"]) {
        const { begin, call, end, limits, made } = yield* scene()
        const flood = call(yield* begin(machine("flood"), undefined, revision))
        const other = call(yield* begin(machine("other"), undefined, revision))
        for (let i = 0; i < 50; i++) yield* flood(`flood ${i}`)
        const single = yield* other("other")
        assert.strictEqual(limits.waiting(), 50)
        yield* end("flood 0")
        yield* end("flood 1")
        assert.deepStrictEqual(made, ["flood 0", "flood 1", "other"])
        yield* end("other")
        assert.strictEqual((yield* single.answer).result?.word, "other")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("are made as soon as the configuration lets them, whether or not others come", () =>
    Effect.gen(function* () {
      const one = (concurrent: number) => local("one", { calls: bounds(concurrent) })
      const { fleet } = yield* memoryServers(configOf(one(1)), { one: server(["work"]) })
      const layer = Layer.provide(Limits.layer, Layer.succeed(Fleet, fleet))
      const limits = Context.get(yield* Layer.build(layer), Limits.Limits)
      limits.enter(one(1), "ada", 0)
      limits.enter(one(1), "ada", 0)
      yield* settle
      assert.strictEqual(limits.waiting(), 1)
      yield* fleet.apply(configOf(one(2)))
      yield* settle
      assert.strictEqual(limits.waiting(), 0)
    }).pipe(Effect.scoped)
  )

  it.effect("are refused when too many wait, with the bound that it is", () =>
    Effect.gen(function* () {
      const { begin, call, made } = yield* scene({ calls: bounds(1, 2), perOwner: bounds(9, 1) })
      const ada = call(yield* begin(person("ada@example.com")))
      const bob = call(yield* begin(person("bob@example.com")))
      const eve = call(yield* begin(person("eve@example.com")))
      yield* ada("a")
      yield* ada("b")
      assert.deepStrictEqual((yield* (yield* ada("c")).answer).error, {
        code: 1429,
        message: "The call was not sent: 1 of your calls wait already (MCP_MAX_QUEUED_PER_USER)"
      })
      yield* bob("d")
      assert.deepStrictEqual((yield* (yield* eve("e")).answer).error, {
        code: 1429,
        message: 'The call was not sent: 2 calls wait for server "one" already (mcpServers.one.maxQueuedCalls)'
      })
      assert.deepStrictEqual(made, ["a"])
    }).pipe(Effect.scoped)
  )

  it.effect("wait as long as a call may be silent, and are then told that they were not sent", () =>
    Effect.gen(function* () {
      const { begin, call, end, limits, made, records } = yield* scene()
      const ada = call(yield* begin(person("ada@example.com")))
      yield* ada("a")
      const late = yield* ada("b")
      yield* TestClock.adjust("299 seconds")
      assert.strictEqual(limits.waiting(), 1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* late.answer).error, {
        code: 1429,
        message:
          'The call was not sent: its turn did not come within 300 s; server "one" is given 1 at a time (mcpServers.one.maxConcurrentCalls)'
      })
      assert.strictEqual(records.at(-1)?.outcome, "limited")
      yield* end("a")
      assert.deepStrictEqual([made, limits.waiting()], [["a"], 0])
    }).pipe(Effect.scoped)
  )

  it.effect("that the client cancels are not made, and cost nobody a turn", () =>
    Effect.gen(function* () {
      const { ask, begin, call, end, limits, made } = yield* scene()
      const principal = person("ada@example.com")
      const client = yield* begin(principal)
      const [ada, bob] = [call(client), call(yield* begin(person("bob@example.com")))]
      yield* bob("a")
      const cancelled = yield* ada("b")
      yield* bob("c")
      const notice = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }
      yield* ask(principal, undefined, { headers: client.headers, body: notice })
      assert.strictEqual((yield* cancelled.answer).error?.code, 1499)
      assert.strictEqual(limits.waiting(), 1)
      yield* end("a")
      assert.deepStrictEqual(made, ["a", "c"])
    }).pipe(Effect.scoped)
  )

  it.effect("whose request a modern client closes are not made either", () =>
    Effect.gen(function* () {
      const { begin, call, end, limits, made } = yield* scene()
      const ada = call(yield* begin(person("ada@example.com"), undefined, "2026-07-28"))
      yield* ada("a")
      const { close } = yield* ada("b")
      yield* ada("c")
      yield* close
      yield* arrived(() => limits.waiting() === 1)
      yield* end("a")
      assert.deepStrictEqual(made, ["a", "c"])
    }).pipe(Effect.scoped)
  )

  it.effect("end with the proxy, those that wait like those that are under way", () =>
    Effect.gen(function* () {
      const { begin, call, limits, made, services } = yield* scene()
      const ada = call(yield* begin(person("ada@example.com")))
      const all = [yield* ada("a"), yield* ada("b"), yield* ada("c")]
      const proxy = yield* Effect.provide(Proxy, services)
      yield* proxy.abort
      const codes = yield* Effect.forEach(all, ({ answer }) => Effect.map(answer, ({ error }) => error?.code))
      assert.deepStrictEqual([codes, limits.waiting()], [[1499, 1499, 1499], 0])
      assert.isAtMost(made.length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("that all fail at once when the server goes down do so one after the other, however many wait", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const offer = { tools: ["work"] }
      const fleet = memoryFleet({ one: { offer, calls: bounds(1, 5000), gate: Deferred.await(gate) } })
      const gateway = yield* memoryGateway(fleet, EVERYBODY, {
        bounds: Layer.succeed(Limits.PerOwner, bounds(10_000, 10_000))
      })
      const limits = yield* Effect.provide(Limits.Limits, gateway.services)
      const client = yield* gateway.begin(anonymous, undefined, "2026-07-28")
      const all = yield* Effect.forkScoped(
        Effect.forEach(Array.from({ length: 1500 }), () => client.send("tools/call", { name: "work" }), {
          concurrency: "unbounded"
        })
      )
      yield* arrived(() => limits.waiting() === 1499)
      yield* fleet.become("one", { offer, status: "down" })
      yield* Deferred.succeed(gate, undefined)
      const codes = (yield* Fiber.join(all)).map(({ body }) => /"code":(\d+)/u.exec(body)?.[1] ?? "none")
      assert.deepStrictEqual([codes.length, new Set(codes)], [1500, new Set(["none", "1503"])])
    }).pipe(Effect.scoped)
  )
})

describe("calls of one owner", () => {
  it.effect("are bounded over all their sessions, and leave the server to others", () =>
    Effect.gen(function* () {
      const { begin, call, made } = yield* scene({ calls: bounds(10), perOwner: bounds(1) })
      const ada = person("ada@example.com")
      yield* call(yield* begin(ada))("a")
      yield* call(yield* begin(ada))("b")
      yield* call(yield* begin(person("bob@example.com")))("c")
      assert.deepStrictEqual(made, ["a", "c"])
    }).pipe(Effect.scoped)
  )

  it.effect("are a session's where nobody signs in, and unbounded where there is no session", () =>
    Effect.gen(function* () {
      const { begin, call, made } = yield* scene({ calls: bounds(10), perOwner: bounds(1) })
      const one = call(yield* begin(anonymous))
      yield* one("a")
      yield* one("b")
      yield* call(yield* begin(anonymous))("c")
      const modern = call(yield* begin(anonymous, undefined, "2026-07-28"))
      yield* modern("d")
      yield* modern("e")
      assert.deepStrictEqual(made, ["a", "c", "d", "e"])
    }).pipe(Effect.scoped)
  )
})

const question = (): Frame.Frame => {
  const params = { mode: "form", message: "Name?", requestedSchema: { type: "object" } }
  const frame = Frame.read(Json.encode({ jsonrpc: "2.0", id: 7, method: "elicitation/create", params }))
  if (!Frame.isFrame(frame)) throw new Error(frame.malformed)
  return frame
}

describe("a call that waits for its user's answer", () => {
  it.effect("leaves its place to others meanwhile, and goes on at once when the answer is there", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const begun: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const play: MemoryServer["play"] = (request, { ask }) =>
        Effect.gen(function* () {
          const word = wordOf(request)
          begun.push(word)
          if (word === "asks") yield* ask(question())
          else yield* Deferred.await(gate)
          done.push(word)
          return { result: { content: [] } }
        })
      const { limits, once } = yield* scene({ server: { play } })
      const ada = person("ada@example.com")
      const tool = (word: string) => ({ name: "work", arguments: { word } })
      const asking = yield* Effect.forkScoped(once(ada, 1, "tools/call", tool("asks")))
      yield* arrived(() => begun.length === 1)
      yield* TestClock.adjust("20 millis")
      const asked = yield* Fiber.join(asking)
      const other = yield* Effect.forkScoped(once(ada, 2, "tools/call", tool("other")))
      yield* arrived(() => begun.length === 2)
      const third = yield* Effect.forkScoped(once(ada, 3, "tools/call", tool("third")))
      yield* arrived(() => limits.waiting() === 1)
      const [key = ""] = Object.keys(asked.result?.inputRequests ?? {})
      const answers = { inputResponses: { [key]: { action: "accept", content: {} } } }
      yield* once(ada, 4, "tools/call", { ...tool("asks"), ...answers, requestState: asked.result?.requestState })
      assert.deepStrictEqual(done, ["asks"], "it does not wait for the other, which may be waiting for it")
      assert.deepStrictEqual(begun, ["asks", "other"], "nobody new begins above the bound")
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach([other, third], Fiber.join)
      assert.deepStrictEqual(done, ["asks", "other", "third"])
    }).pipe(Effect.scoped)
  )
})

describe("the bytes of calls under way", () => {
  it.effect("count until the call is over, whichever way it ends; where there is no room a call is not sent", () =>
    Effect.gen(function* () {
      const buffers = new ByteBudget(10_000)
      const { begin, call, end, limits, made } = yield* scene({ bounds: Layer.succeed(Buffers, buffers) })
      const ada = call(yield* begin(person("ada@example.com")))
      const idle = buffers.taken
      const long = "x".repeat(2500)
      const first = yield* ada(long)
      const late = yield* ada("b")
      assert.isAbove(buffers.taken, idle + 2500)
      const refused = yield* (yield* ada("y".repeat(7600))).answer
      assert.match(refused.error?.message ?? "", /^The (call was not sent|body is not taken): .*MCP_BUFFER_BYTES/u)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* late.answer).error?.code, 1429)
      yield* end(long)
      assert.strictEqual((yield* first.answer).result?.word, long)
      // What was said on streams is kept for a while, for those who come back.
      yield* TestClock.adjust("11 minutes")
      assert.deepStrictEqual([buffers.taken, limits.waiting(), made], [idle, 0, [long]])
    }).pipe(Effect.scoped)
  )
})
