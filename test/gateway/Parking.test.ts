/** A legacy server asks a modern client: its call waits here, is resumed once, and never made a second time. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import * as Parking from "../../src/gateway/Parking.ts"
import type { Answer, CallHandlers } from "../../src/upstream/Rpc.ts"
import { memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, type Reply, rulesOf } from "../support/memoryGateway.ts"

const ANN = person("ann@example.com")
const BOB = person("bob@example.com")
const RULES = rulesOf({ "*": { allowed_tools: ["*"] } })

const question = (text: string): Frame.Frame => {
  const params = { mode: "form", message: text, requestedSchema: { type: "object" }, elicitationId: "e-1" }
  const frame = Frame.read(Json.encode({ jsonrpc: "2.0", id: 7, method: "elicitation/create", params }))
  if (!Frame.isFrame(frame)) throw new Error(frame.malformed)
  return frame
}

const said = ({ body, outcome }: Answer): string => `${outcome} ${Buffer.from(body).toString()}`

/** A server whose tool asks these questions, each group at once, and answers with what it heard. */
const asking = (...rounds: ReadonlyArray<ReadonlyArray<string>>) => {
  const world = { executions: 0, asked: 0, heard: [] as Array<string>, ended: 0 }
  const play = (_: unknown, { ask }: CallHandlers) =>
    Effect.gen(function* () {
      world.executions++
      for (const round of rounds) {
        const answers = yield* Effect.forEach(
          round,
          (text) => {
            world.asked++
            return ask(question(text))
          },
          { concurrency: "unbounded" }
        )
        world.heard.push(...answers.map(said))
      }
      return { result: { content: [{ type: "text", text: world.heard.join("; ") }] } }
    }).pipe(Effect.ensuring(Effect.sync(() => world.ended++)))
  return { fleet: memoryFleet({ forms: { offer: { tools: ["fill", "other"] }, play } }), world }
}

type Gateway = Effect.Success<ReturnType<typeof memoryGateway>>

/** Makes a request and lets the time pass in which questions are gathered. */
const send = Effect.fnUntraced(function* (
  gateway: Gateway,
  world: { readonly asked: number; readonly ended: number },
  params: object,
  { id = 1, who = ANN }: { readonly id?: number; readonly who?: typeof ANN } = {}
) {
  const before = world.asked
  const done = yield* Effect.forkChild(
    gateway.once(who, id, "tools/call", { name: "fill", arguments: { a: 1, b: 2 }, ...params })
  )
  yield* arrived(() => world.asked > before || done.pollUnsafe() !== undefined)
  yield* TestClock.adjust("20 millis")
  return yield* Fiber.join(done)
})

const stateOf = ({ result }: Reply): string => result?.requestState ?? ""
const keysOf = ({ result }: Reply): ReadonlyArray<string> => Object.keys(result?.inputRequests ?? {})
const accept = (name: string) => ({ action: "accept", content: { name } })

describe("a call whose server asks", () => {
  it.effect("is answered with the question, and goes on with the answer: one call in two requests", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking([["Your name?"]].flat())
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, {})
      assert.strictEqual(first.result?.resultType, "input_required")
      assert.deepStrictEqual(first.result?.inputRequests, {
        q1: {
          method: "elicitation/create",
          params: { mode: "form", message: "Your name?", requestedSchema: { type: "object" } }
        }
      })
      const answers = { inputResponses: { q1: accept("Ann") }, requestState: stateOf(first) }
      const second = yield* send(gateway, world, answers, { id: 2 })
      assert.strictEqual(second.id, 2)
      assert.strictEqual(second.result?.resultType, "complete")
      assert.deepStrictEqual(world.heard, [`result ${JSON.stringify(accept("Ann"))}`])
      assert.strictEqual(world.executions, 1)
      assert.deepStrictEqual(
        gateway.records.map(({ method, outcome }) => [method, outcome]),
        [["tools/call", "ok"]]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("may ask several things at once, and again later", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?", "B?"], ["C?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, {})
      assert.deepStrictEqual(keysOf(first), ["q1", "q2"])
      const both = { inputResponses: { q1: accept("a"), q2: accept("b") }, requestState: stateOf(first) }
      const second = yield* send(gateway, world, both)
      assert.deepStrictEqual(keysOf(second), ["q3"])
      const third = yield* send(gateway, world, { inputResponses: { q3: accept("c") }, requestState: stateOf(second) })
      assert.strictEqual(third.result?.resultType, "complete")
      assert.strictEqual(world.heard.length, 3)
      assert.strictEqual(world.executions, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("asks again for what was not answered, and passes over what nobody asked", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?", "B?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, {})
      const half = { inputResponses: { q2: accept("b"), nobody: accept("x") }, requestState: stateOf(first) }
      const second = yield* send(gateway, world, half)
      assert.strictEqual(second.result?.resultType, "input_required")
      assert.deepStrictEqual(keysOf(second), ["q1"])
      const rest = { inputResponses: { q1: accept("a") }, requestState: stateOf(second) }
      assert.strictEqual((yield* send(gateway, world, rest)).result?.resultType, "complete")
      assert.strictEqual(world.executions, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("is the same request however its arguments are written, and no other", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, {})
      const requestState = stateOf(first)
      const inputResponses = { q1: accept("a") }
      const others = [
        { arguments: { a: 1, b: 3 }, inputResponses, requestState },
        { name: "other", inputResponses, requestState }
      ]
      for (const other of others) {
        const refused = yield* send(gateway, world, other)
        assert.strictEqual(refused.error?.code, -32602)
        assert.include(refused.error?.message ?? "", "belongs to another request")
      }
      const same = { arguments: { b: 2, a: 1 }, inputResponses, requestState }
      assert.strictEqual((yield* send(gateway, world, same)).result?.resultType, "complete")
      assert.strictEqual(world.executions, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("is nobody else's to resume", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, {})
      const stolen = { inputResponses: { q1: accept("a") }, requestState: stateOf(first) }
      assert.strictEqual((yield* send(gateway, world, stolen, { who: BOB })).error?.code, -32602)
      assert.deepStrictEqual(world.heard, [])
    }).pipe(Effect.scoped)
  )

  it.effect("is resumed once: a state is good for one round", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?"], ["B?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, {})
      const answer = { inputResponses: { q1: accept("a") }, requestState: stateOf(first) }
      assert.deepStrictEqual(keysOf(yield* send(gateway, world, answer)), ["q2"])
      const again = yield* send(gateway, world, answer)
      assert.strictEqual(again.error?.code, -32602)
      assert.include(again.error?.message ?? "", "used already")
      assert.strictEqual(world.executions, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("takes no state that was touched, and does not start anew over it", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      const state = stateOf(yield* send(gateway, world, {}))
      for (const touched of [`${state.slice(0, -3)}AAA`, `x${state}`, "made up"]) {
        const refused = yield* send(gateway, world, { inputResponses: {}, requestState: touched })
        assert.strictEqual(refused.error?.code, -32602)
      }
      assert.strictEqual(world.executions, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("is made for the first time where answers come without a state", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, { inputResponses: { q1: accept("a") } })
      assert.strictEqual(first.result?.resultType, "input_required")
      assert.strictEqual(world.executions, 1)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "expires: the server hears that nobody answers, its call is cancelled, and whoever comes late is told",
    () =>
      Effect.gen(function* () {
        const { fleet, world } = asking(["A?"])
        const gateway = yield* memoryGateway(fleet, RULES)
        const first = yield* send(gateway, world, {})
        yield* TestClock.adjust("11 minutes")
        yield* arrived(() => world.ended === 1)
        const late = { inputResponses: { q1: accept("a") }, requestState: stateOf(first) }
        const refused = yield* send(gateway, world, late)
        assert.strictEqual(refused.error?.code, -32602)
        assert.include(refused.error?.message ?? "", "expired")
        assert.strictEqual(world.executions, 1)
        assert.deepStrictEqual(
          gateway.records.map(({ outcome }) => outcome),
          ["cancelled", "invalid"]
        )
      }).pipe(Effect.scoped)
  )

  it.effect("does not outlive its process: the next one says so, and does not make it again", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, {})
      const next = yield* memoryGateway(fleet, RULES)
      const refused = yield* send(next, world, { inputResponses: { q1: accept("a") }, requestState: stateOf(first) })
      assert.strictEqual(refused.error?.code, -32602)
      assert.include(refused.error?.message ?? "", "the proxy was restarted")
      assert.strictEqual(world.executions, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("cannot ask while too many wait: the server is told, and the call goes on", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      assert.strictEqual((yield* send(gateway, world, {})).result?.resultType, "input_required")
      const second = yield* send(gateway, world, {})
      assert.strictEqual(second.result?.resultType, "complete")
      assert.include(world.heard.join(), "MCP_MAX_PARKED_PER_USER")
    }).pipe(Effect.scoped, Effect.provideService(Parking.Bounds, { ...Parking.DEFAULTS, mostOfOne: 1 }))
  )

  it.effect("cannot ask while too many others are about to", () =>
    Effect.gen(function* () {
      const { fleet, world } = asking(["A?"])
      const gateway = yield* memoryGateway(fleet, RULES)
      const both = yield* Effect.forEach([1, 2], (id) =>
        Effect.forkChild(gateway.once(ANN, id, "tools/call", { name: "fill", arguments: { id } }))
      )
      yield* arrived(() => world.asked === 2)
      yield* TestClock.adjust("20 millis")
      const replies = yield* Effect.forEach(both, Fiber.join)
      assert.sameMembers(
        replies.map(({ result }) => result?.resultType),
        ["input_required", "complete"]
      )
      assert.strictEqual(gateway.parked(), 1)
    }).pipe(Effect.scoped, Effect.provideService(Parking.Bounds, { ...Parking.DEFAULTS, most: 1 }))
  )

  it.effect("ends while its client is busy answering: the answers find how it ended", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let asked = false
      const play = (_: unknown, { ask }: CallHandlers) =>
        Effect.raceFirst(
          Effect.suspend(() => {
            asked = true
            return Effect.as(ask(question("A?")), { result: { content: ["answered"] } })
          }),
          Effect.as(Deferred.await(gate), { result: { content: ["tired of waiting"] } })
        )
      const gateway = yield* memoryGateway(memoryFleet({ forms: { offer: { tools: ["fill"] }, play } }), RULES)
      const world = { asked: 0, ended: 0 }
      const sent = yield* Effect.forkChild(gateway.once(ANN, 1, "tools/call", { name: "fill" }))
      yield* arrived(() => asked)
      yield* TestClock.adjust("20 millis")
      const first = yield* Fiber.join(sent)
      yield* Deferred.succeed(gate, undefined)
      const late = {
        name: "fill",
        arguments: undefined,
        inputResponses: { q1: accept("a") },
        requestState: stateOf(first)
      }
      const second = yield* send(gateway, world, late)
      assert.deepStrictEqual(second.result?.content, ["tired of waiting"])
    }).pipe(Effect.scoped)
  )
})

describe("a question that comes late", () => {
  it.effect("or is still open when the call is over, is answered for nobody: its server does not wait", () =>
    Effect.gen(function* () {
      const late: Array<string> = []
      const play = (_: unknown, { ask }: CallHandlers) =>
        Effect.gen(function* () {
          const heard = (text: string) => Effect.map(ask(question(text)), (one) => late.push(said(one)))
          yield* Effect.forkDetach(Effect.andThen(heard("A?"), heard("B?")))
          yield* Effect.yieldNow
          return { result: { content: [] } }
        })
      const gateway = yield* memoryGateway(memoryFleet({ forms: { offer: { tools: ["fill"] }, play } }), RULES)
      const { result } = yield* gateway.once(ANN, 1, "tools/call", { name: "fill" })
      assert.strictEqual(result?.resultType, "complete")
      yield* arrived(() => late.length === 2)
      for (const one of late) assert.include(one, "The call is over")
      assert.strictEqual(gateway.parked(), 0)
    }).pipe(Effect.scoped)
  )
})

describe("a server that wants a URL visited first", () => {
  const needy = () => {
    const world = { calls: 0, asked: 0, ended: 0 }
    const elicitations = [{ mode: "url", url: "https://example.com/go", message: "Go there", elicitationId: "e-9" }]
    const play = () =>
      Effect.sync(() =>
        world.calls++ === 0
          ? { error: { code: -32042, message: "first visit", data: { elicitations } } }
          : { result: { content: [] } }
      )
    return { fleet: memoryFleet({ forms: { offer: { tools: ["fill"] }, play } }), world }
  }

  it.effect("has its client asked, with nothing parked, and is called again after that", () =>
    Effect.gen(function* () {
      const { fleet, world } = needy()
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, {})
      assert.deepStrictEqual(first.result?.inputRequests, {
        q1: {
          method: "elicitation/create",
          params: { mode: "url", url: "https://example.com/go", message: "Go there" }
        }
      })
      assert.strictEqual(gateway.parked(), 0)
      const visited = { inputResponses: { q1: { action: "accept" } }, requestState: stateOf(first) }
      assert.strictEqual((yield* send(gateway, world, visited)).result?.resultType, "complete")
      assert.strictEqual(world.calls, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("is not called again where the person would not go there", () =>
    Effect.gen(function* () {
      const { fleet, world } = needy()
      const gateway = yield* memoryGateway(fleet, RULES)
      const first = yield* send(gateway, world, {})
      const declined = { inputResponses: { q1: { action: "decline" } }, requestState: stateOf(first) }
      assert.strictEqual((yield* send(gateway, world, declined)).error?.code, -32602)
      assert.strictEqual(world.calls, 1)
    }).pipe(Effect.scoped)
  )
})
