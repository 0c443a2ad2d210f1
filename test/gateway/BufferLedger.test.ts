/** Whatever happens in whatever order, all bytes that are taken are given back, and never more are taken than there are. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import { Streams } from "../../src/gateway/EventLogs.ts"
import { Proxy } from "../../src/gateway/Proxy.ts"
import { Rate } from "../../src/http/OwnerRate.ts"
import { Buffers } from "../../src/upstream/Bounds.ts"
import { memoryFleet, type MemoryServer } from "../support/memoryFleet.ts"
import { EVERYBODY, memoryGateway, person } from "../support/memoryGateway.ts"
import { settle } from "../support/settle.ts"

const PEOPLE = ["ada", "bob"].map((name) => person(`${name}@example.com`))

const frame = (message: object): Frame.Frame => {
  const read = Frame.read(Json.encode({ jsonrpc: "2.0", ...message }))
  if (!Frame.isFrame(read)) throw new Error(read.malformed)
  return read
}

const QUESTION = frame({ id: 7, method: "elicitation/create", params: { message: "Name?", requestedSchema: {} } })

const step = fc.record({
  what: fc.constantFrom(
    "call",
    "call that asks",
    "call with progress",
    "batch",
    "listen",
    "stand",
    "say",
    "leave",
    "let go",
    "wait"
  ),
  who: fc.nat(1),
  size: fc.nat(30_000),
  which: fc.nat()
})
type Step = typeof step extends fc.Arbitrary<infer A> ? A : never

const LIMIT = 60_000

/** A gateway lives through these steps within its budget, and ends. */
const live = Effect.fnUntraced(function* (steps: ReadonlyArray<Step>) {
  const buffers = new ByteBudget(LIMIT)
  const gates: Array<Deferred.Deferred<void>> = []
  const play: MemoryServer["play"] = (request, { ask, notify }) =>
    Effect.gen(function* () {
      if (request.method !== "tools/call") return { result: {} }
      const { how = "", size = 0 } = (request.params?.["arguments"] ?? {}) as {
        readonly how?: string
        readonly size?: number
      }
      const pad = "x".repeat(size)
      if (how === "call with progress") {
        const params = { progressToken: 1, progress: 1, message: pad }
        notify(frame({ method: "notifications/progress", params }))
      }
      if (how === "call that asks") yield* ask(QUESTION)
      const gate = yield* Deferred.make<void>()
      gates.push(gate)
      yield* Deferred.await(gate)
      return { result: { content: [{ type: "text", text: pad }] } }
    })
  const scope = yield* Scope.make()
  const fleet = memoryFleet({ one: { offer: { tools: ["work"], resources: ["a://b"] }, play } })
  const bounds = Layer.merge(Layer.succeed(Buffers, buffers), Layer.succeed(Rate, { perSecond: 0, burst: 1 }))
  const gateway = yield* Scope.provide(memoryGateway(fleet, EVERYBODY, { bounds }), scope)
  const sessions = yield* Effect.forEach(PEOPLE, (who) => gateway.begin(who, undefined, "2025-03-26"))
  yield* Effect.forEach(sessions, ({ send }) => send("resources/subscribe", { uri: "a://b" }))
  yield* Effect.forEach(sessions, ({ send }) => send("tools/list"))
  const open: Array<Fiber.Fiber<unknown>> = []
  const leaves: Array<Effect.Effect<unknown>> = []
  const run = (effect: Effect.Effect<unknown>) => Effect.map(Effect.forkIn(effect, scope), (fiber) => open.push(fiber))
  let id = 100

  for (const { size, what, which, who } of steps) {
    const [principal, session] = [PEOPLE[who], sessions[who]]
    if (principal === undefined || session === undefined) continue
    const params = {
      name: "work",
      arguments: { how: what, size, pad: "y".repeat(size / 2) },
      _meta: { progressToken: 1 }
    }
    const message = () => ({ jsonrpc: "2.0", id: ++id, method: "tools/call", params })
    switch (what) {
      case "call":
      case "call with progress":
        yield* run(gateway.ask(principal, undefined, { headers: session.headers, body: message() }))
        break
      case "batch":
        yield* run(gateway.ask(principal, undefined, { headers: session.headers, body: [message(), message()] }))
        break
      case "call that asks":
        yield* run(gateway.once(principal, ++id, "tools/call", params))
        break
      case "listen": {
        const fiber = yield* Effect.forkIn(
          Scope.provide(gateway.subscribe(principal, ++id, { toolsListChanged: true }), scope),
          scope
        )
        open.push(fiber)
        leaves.push(Effect.flatMap(Fiber.join(fiber), ({ leave }) => leave))
        break
      }
      case "stand":
        yield* run(Scope.provide(session.listen, scope))
        break
      case "say":
        fleet.say("one", {
          _tag: "ResourceUpdated",
          uri: "a://b",
          frame: frame({ method: "notifications/resources/updated", params: { uri: "a://b", pad: "z".repeat(size) } })
        })
        break
      case "leave": {
        const fiber = open[which % Math.max(1, open.length)]
        yield* Effect.forkIn(leaves.pop() ?? (fiber === undefined ? Effect.void : Fiber.interrupt(fiber)), scope)
        break
      }
      case "let go":
        yield* Deferred.succeed(gates[which % Math.max(1, gates.length)] ?? (yield* Deferred.make<void>()), undefined)
        break
      case "wait":
        yield* TestClock.adjust(size)
    }
    yield* settle
    // What is read by the platform's own streams arrives in turns of its own.
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    assert.isAtMost(buffers.taken, LIMIT)
    assert.isAtLeast(buffers.taken, 0)
  }
  const streams = yield* Effect.provide(Streams, gateway.services)
  const proxy = yield* Effect.provide(Proxy, gateway.services)
  yield* proxy.abort
  yield* Effect.forEach(open, Fiber.interrupt)
  yield* Scope.close(scope, Exit.void)
  yield* settle
  return { taken: buffers.taken, streams: streams.streams.total }
})

describe("a gateway", () => {
  it.effect("has given back all that it took once it has ended", () =>
    Effect.forEach(
      fc.sample(fc.array(step, { minLength: 20, maxLength: 40, size: "max" }), 8),
      (steps) =>
        Effect.map(live(steps), (left) =>
          assert.deepStrictEqual(left, { taken: 0, streams: 0 }, JSON.stringify(steps))
        ),
      { discard: true }
    )
  )
})
