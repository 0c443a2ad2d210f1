/** Each request that leaves the Proxy is counted, once, and with labels of which there are only so many. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Outcome } from "../../src/domain/AuditRecord.ts"
import * as Catalogue from "../../src/domain/Catalogue.ts"
import { CallTimeout, LimitReached, OutcomeUnknown, UpstreamRefused } from "../../src/domain/Errors.ts"
import type { FailureClass } from "../../src/domain/UpstreamFailure.ts"
import { Fleet } from "../../src/fleet/Fleet.ts"
import * as CallMetrics from "../../src/gateway/CallMetrics.ts"
import * as Metrics from "../../src/observability/Metrics.ts"
import type { UpstreamError } from "../../src/upstream/Upstream.ts"
import { lists, type MemoryRequest, type MemoryServer, memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"
import { family } from "../support/scrape.ts"

const ANN = person("ann@example.com")
const RULES = rulesOf({
  "*": { allowed_tools: ["*"], denied_tools: ["files/secret"], allowed_prompts: ["*"], allowed_resources: ["*"] }
})

const server = "files"
const reason = "so it is"

/** What a tool of that name does. */
const TOOLS: Readonly<Record<string, Effect.Effect<object, UpstreamError>>> = {
  works: Effect.succeed({ result: { content: [] } }),
  fails: Effect.succeed({ result: { content: [], isError: true } }),
  errs: Effect.succeed({ error: { code: -32000, message: reason } }),
  limited: Effect.fail(new LimitReached({ limit: reason })),
  refused: Effect.fail(new UpstreamRefused({ server, reason })),
  lost: Effect.fail(new OutcomeUnknown({ server, reason, failure: "crash" })),
  slow: Effect.fail(new CallTimeout({ server, seconds: 1, limit: "callTimeout", unsent: false })),
  breaks: Effect.die(new Error(reason)),
  hangs: Effect.never,
  secret: Effect.succeed({ result: {} })
}

const files: MemoryServer = {
  offer: { tools: Object.keys(TOOLS), prompts: ["greet"], resources: ["file:///a"] },
  play: ({ params }: MemoryRequest) => TOOLS[String(params?.["name"])] ?? Effect.succeed({ result: {} })
}

/** It asks for input, and says not what for. */
const asks: MemoryServer = {
  offer: { tools: ["x"] },
  era: "modern",
  play: () => Effect.succeed({ result: { resultType: "input_required", inputRequests: 5 } })
}

const down: MemoryServer = { offer: { tools: ["x"] }, status: "down" }
const silent: MemoryServer = { offer: {}, status: "silent" }

/** A request, what it is counted as, and what it says of its server. */
interface Step {
  readonly method: string
  readonly params: object
  readonly server?: string
  readonly tool?: string
  readonly outcome: Outcome
  readonly failure?: FailureClass
}

const call = (tool: string, outcome: Outcome, failure?: FailureClass): Step => ({
  method: "tools/call",
  params: { name: `files_${tool}` },
  server: "files",
  tool,
  outcome,
  ...(failure === undefined ? {} : { failure })
})

const ask = (name: string, step: Partial<Step> & { readonly outcome: Outcome }): Step => ({
  method: "tools/call",
  params: { name },
  ...step
})

const STEPS: ReadonlyArray<Step> = [
  call("works", "ok"),
  call("fails", "tool-error"),
  call("errs", "error"),
  call("limited", "limited"),
  call("refused", "refused"),
  call("lost", "unknown", "crash"),
  call("slow", "timeout", "timeout"),
  call("breaks", "internal"),
  ask("asks_x", { server: "asks", tool: "x", outcome: "bad-answer", failure: "protocol" }),
  ask("down_x", { server: "down", tool: "x", outcome: "unavailable", failure: "crash" }),
  ask("silent_x", { server: "silent", outcome: "unavailable", failure: "crash" }),
  ask("files_secret", { outcome: "denied" }),
  ask("nothing", { outcome: "not-found" }),
  { method: "tools/call", params: {}, outcome: "invalid" },
  { method: "tools/list", params: {}, outcome: "ok" },
  { method: "ping", params: {}, outcome: "ok" },
  { method: "prompts/get", params: { name: "files_greet" }, server: "files", outcome: "ok" },
  { method: "resources/read", params: { uri: "file://files/a" }, server: "files", outcome: "ok" },
  { method: "no/such", params: {}, outcome: "not-found" }
]

const calls = (text: string) => family(text, "mcp_proxy_calls_total")
const counted = (text: string) => family(text, "mcp_proxy_call_duration_seconds_count")

const add = (numbers: Record<string, number>, key: string): void => {
  numbers[key] = (numbers[key] ?? 0) + 1
}

describe("the calls in a scrape", () => {
  it.effect("are those that were made, however each ended, and their durations are as many", () =>
    Effect.gen(function* () {
      const gateway = yield* memoryGateway(memoryFleet({ files, asks, down, silent }), RULES)
      const client = yield* gateway.begin(ANN)
      const before = gateway.records.length
      const expected: Record<string, number> = {}
      const durations: Record<string, number> = {}
      const failures: Record<string, number> = {}
      const note = ({ failure, method, outcome, server = "", tool = "" }: Step): void => {
        const label = method === "no/such" ? "other" : method
        add(expected, `${server} ${label} ${tool} ${outcome}`)
        add(durations, `${server} ${label} ${tool}`)
        if (failure !== undefined) add(failures, `${server} ${failure}`)
      }
      // Not each as often as the next, so that none is taken for another.
      for (const [index, step] of STEPS.entries()) {
        for (let time = 0; time <= index % 4; time++) {
          yield* client.send(step.method, step.params)
          note(step)
        }
      }
      for (const id of [71, 72]) {
        const waiting = yield* Effect.forkChild(
          gateway.ask(ANN, undefined, {
            headers: client.headers,
            body: { jsonrpc: "2.0", id, method: "tools/call", params: { name: "files_hangs" } }
          })
        )
        yield* arrived(() => family(gateway.metrics(), "mcp_proxy_calls_in_flight")[""] === 1)
        const body = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }
        yield* gateway.ask(ANN, undefined, { headers: client.headers, body })
        yield* Fiber.join(waiting)
        note(call("hangs", "cancelled"))
      }
      const text = gateway.metrics()
      assert.deepStrictEqual(calls(text), expected)
      assert.deepStrictEqual(counted(text), durations)
      assert.deepStrictEqual(family(text, "mcp_proxy_call_failures_total"), failures)
      assert.strictEqual(family(text, "mcp_proxy_calls_in_flight")[""], 0)
      assert.strictEqual(family(text, "mcp_proxy_sessions")[""], 1)
      // The trail has the same, and of pings nothing.
      const all = Object.values(expected).reduce((sum, count) => sum + count, 0)
      assert.strictEqual(gateway.records.length - before, all - (expected[" ping  ok"] ?? 0))
      // Were one missing, this would say so.
      assert.notDeepEqual(calls(text.replace('outcome="cancelled"} 2', 'outcome="cancelled"} 1')), expected)
    }).pipe(Effect.scoped)
  )

  it.effect("are a modern client's too, which cancels by going away", () =>
    Effect.gen(function* () {
      const gateway = yield* memoryGateway(memoryFleet({ files }), RULES)
      const client = yield* gateway.begin(ANN, undefined, "2026-07-28")
      yield* client.send("tools/call", { name: "works" })
      const waiting = yield* Effect.forkChild(client.send("tools/call", { name: "hangs" }))
      yield* arrived(() => family(gateway.metrics(), "mcp_proxy_calls_in_flight")[""] === 1)
      yield* Fiber.interrupt(waiting)
      yield* arrived(() => family(gateway.metrics(), "mcp_proxy_calls_in_flight")[""] === 0)
      assert.deepInclude(calls(gateway.metrics()), {
        "files tools/call works ok": 1,
        "files tools/call hangs cancelled": 1,
        " server/discover  ok": 1
      })
    }).pipe(Effect.scoped)
  )
})

/** A counter before servers that offer those tools. */
const counter = Effect.fnUntraced(function* (offers: Record<string, ReadonlyArray<string>>) {
  const shelf = new Catalogue.Shelf()
  const stateOf = (tools: ReadonlyArray<string>) =>
    SubscriptionRef.make({ catalogue: shelf.shelve(lists({ tools })) } as never)
  const states = new Map<string, Effect.Success<ReturnType<typeof stateOf>>>()
  for (const [server, tools] of Object.entries(offers)) states.set(server, yield* stateOf(tools))
  const shared = (server: string) => (states.has(server) ? { state: states.get(server) } : undefined)
  const metrics = yield* CallMetrics.make(() => 0).pipe(Effect.provideService(Fleet, { shared } as never))
  const text = Effect.map(Metrics.Metrics, Metrics.text)
  return {
    finished: (server: string | undefined, tool: string | undefined, method = "tools/call") =>
      metrics.finished({ server, tool, method, outcome: "ok", millis: 2 }),
    offer: (server: string, tools: ReadonlyArray<string>) =>
      Effect.flatMap(stateOf(tools), (state) => Effect.sync(() => void states.set(server, state))),
    remove: (server: string) => states.delete(server),
    read: Effect.map(text, calls)
  }
})

const bounded = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Metrics.layer))

describe("the labels of calls", () => {
  it.effect("name so many tools of a server, and the rest together", () =>
    bounded(
      Effect.gen(function* () {
        const tools = Array.from({ length: CallMetrics.MAX_TOOLS + 5 }, (_, index) => `t${index}`)
        const metrics = yield* counter({ big: tools, small: ["a"] })
        for (const tool of tools) metrics.finished("big", tool)
        metrics.finished("small", "a")
        const read = yield* metrics.read
        assert.strictEqual(Object.keys(read).length, CallMetrics.MAX_TOOLS + 2)
        assert.strictEqual(read["big tools/call other ok"], 5)
        assert.strictEqual(read["small tools/call a ok"], 1)
      })
    )
  )

  it.effect("name a tool while its server offers it, and no longer", () =>
    bounded(
      Effect.gen(function* () {
        const metrics = yield* counter({ fs: ["read", "write"] })
        metrics.finished("fs", "read")
        metrics.finished("fs", "write")
        metrics.finished("fs", "of-a-lane-of-its-own")
        assert.deepStrictEqual(yield* metrics.read, {
          "fs tools/call read ok": 1,
          "fs tools/call write ok": 1,
          "fs tools/call other ok": 1
        })
        yield* metrics.offer("fs", ["read", "stat"])
        assert.deepStrictEqual(yield* metrics.read, { "fs tools/call read ok": 1, "fs tools/call other ok": 1 })
        metrics.finished("fs", "write")
        metrics.finished("fs", "stat")
        assert.deepStrictEqual(yield* metrics.read, {
          "fs tools/call read ok": 1,
          "fs tools/call other ok": 2,
          "fs tools/call stat ok": 1
        })
      })
    )
  )

  it.effect("make room for new tools once old ones are gone", () =>
    bounded(
      Effect.gen(function* () {
        const names = (prefix: string) =>
          Array.from({ length: CallMetrics.MAX_TOOLS }, (_, index) => `${prefix}${index}`)
        const metrics = yield* counter({ fs: names("old") })
        for (const tool of names("old")) metrics.finished("fs", tool)
        yield* metrics.offer("fs", names("new"))
        for (const tool of names("new")) metrics.finished("fs", tool)
        const read = yield* metrics.read
        assert.deepStrictEqual(
          Object.keys(read),
          names("new").map((tool) => `fs tools/call ${tool} ok`)
        )
      })
    )
  )

  it.effect("count a tool that is called what the rest is called with the rest", () =>
    bounded(
      Effect.gen(function* () {
        const metrics = yield* counter({ fs: ["other"] })
        metrics.finished("fs", "other")
        metrics.finished("fs", "unheard-of")
        assert.deepStrictEqual(yield* metrics.read, { "fs tools/call other ok": 2 })
      })
    )
  )

  it.effect("know the methods of the protocol, whatever clients ask for", () =>
    bounded(
      Effect.gen(function* () {
        const metrics = yield* counter({})
        for (let index = 0; index < 1000; index++) metrics.finished(undefined, undefined, `made/up-${index}`)
        metrics.finished(undefined, undefined, "tools/list")
        assert.deepStrictEqual(yield* metrics.read, { " other  ok": 1000, " tools/list  ok": 1 })
      })
    )
  )

  it.effect("name no server that is gone", () =>
    bounded(
      Effect.gen(function* () {
        const metrics = yield* counter({ fs: ["read"], git: ["log"] })
        metrics.finished("fs", "read")
        metrics.finished("git", "log")
        metrics.remove("git")
        assert.deepStrictEqual(yield* metrics.read, { "fs tools/call read ok": 1 })
        // A call that was under way meanwhile ends.
        metrics.finished("git", "log")
        assert.deepStrictEqual(yield* metrics.read, { "fs tools/call read ok": 1 })
      })
    )
  )
})
