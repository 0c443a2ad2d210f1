/** A call as a trace shows it: whose child it is, what its server is told, and what is not said. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { OutcomeUnknown } from "../../src/domain/Errors.ts"
import { LATEST_MODERN } from "../../src/domain/Protocol.ts"
import * as TraceContext from "../../src/domain/TraceContext.ts"
import * as Sampler from "../../src/observability/Sampler.ts"
import * as Tracing from "../../src/observability/Tracing.ts"
import { type MemoryRequest, type MemoryServer, memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"

const ANN = person("ann@example.com")
const RULES = rulesOf({ "*": { allowed_tools: ["*"], allowed_prompts: ["*"], allowed_resources: ["*"] } })

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const SPAN = "00f067aa0ba902b7"
const PARENT = `00-${TRACE}-${SPAN}-01`
const OTHER_TRACE = "1".repeat(32)

/** A gateway before two servers, the spans that it keeps, and what its servers are sent. */
const traced = Effect.fnUntraced(function* (options: { readonly sampler?: Sampler.SamplerName | "off" } = {}) {
  const { sampler = "parentbased_always_on" } = options
  const spans: Array<Tracing.Span> = []
  const sent: Array<MemoryRequest> = []
  const play: MemoryServer["play"] = (request) => {
    sent.push(request)
    const { name } = request.params ?? {}
    if (name === "hangs") return Effect.never
    if (name === "lost") return Effect.fail(new OutcomeUnknown({ server: "files", reason: "secret-reason" }))
    if (name === "errs") return Effect.succeed({ error: { code: -32000, message: "secret-message" } })
    return Effect.succeed({ result: { content: [], ...(name === "fails" ? { isError: true } : {}) } })
  }
  const fleet = memoryFleet({
    files: {
      offer: {
        tools: ["read", "fails", "errs", "lost", "hangs"],
        prompts: ["greet"],
        resources: ["file:///secret-uri"]
      },
      play
    },
    modern: { offer: { tools: ["read"] }, era: "modern", play }
  })
  const tracer =
    sampler === "off" ? undefined : yield* Tracing.make(Sampler.make(sampler, 1), (span) => void spans.push(span))
  const gateway = yield* memoryGateway(fleet, RULES).pipe(Effect.provideService(Tracing.Tracing, tracer))
  return { gateway, spans, sent }
})

const metaOf = (request: MemoryRequest | undefined) => request?.params?.["_meta"] as Record<string, unknown> | undefined

/** A call that names a trace in `_meta`, in headers, or in both. */
const call = (headers: object, meta?: object, name = "files_read", id: number | string = 7) => ({
  headers: headers as Record<string, string>,
  body: {
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name, arguments: { path: "secret-argument" }, ...(meta === undefined ? {} : { _meta: meta }) }
  }
})

describe("a call's spans", () => {
  it.effect("are a server's under the client's, and within it a client's, of which the server is told", () =>
    Effect.gen(function* () {
      const { gateway, sent, spans } = yield* traced()
      const client = yield* gateway.begin(ANN)
      const meta = { traceparent: PARENT, tracestate: "a=b", progressToken: 5, "example.com/x": 1 }
      yield* gateway.ask(ANN, undefined, call(client.headers, meta))
      const [leg, request] = spans
      assert.strictEqual(spans.length, 2)
      assert.deepInclude(request, { kind: "server", name: "tools/call files_read", parentId: SPAN, failed: false })
      assert.deepInclude(leg, { kind: "client", name: "tools/call read", parentId: request?.context.spanId })
      assert.deepStrictEqual(new Set(spans.map(({ context }) => context.traceId)), new Set([TRACE]))
      const told = metaOf(sent[0])
      assert.deepStrictEqual(TraceContext.parse(told?.["traceparent"], told?.["tracestate"]), leg?.context)
      assert.strictEqual(leg?.context.state, "a=b")
      assert.strictEqual(told?.["example.com/x"], 1)
      assert.isTrue(leg !== undefined && leg.started <= leg.ended)
    }).pipe(Effect.scoped)
  )

  it.effect("are found under the HTTP request where the message names no trace, and else linked to it", () =>
    Effect.gen(function* () {
      const { gateway, spans } = yield* traced()
      const client = yield* gateway.begin(ANN)
      const headers = { ...client.headers, traceparent: `00-${OTHER_TRACE}-${SPAN}-01`, tracestate: "h=1" }
      yield* gateway.ask(ANN, undefined, call(headers))
      assert.deepInclude(spans[1], { parentId: SPAN, link: undefined })
      assert.deepInclude(spans[1]?.context, { traceId: OTHER_TRACE, state: "h=1" })
      yield* gateway.ask(ANN, undefined, call(headers, { traceparent: PARENT }))
      assert.deepInclude(spans[3]?.context, { traceId: TRACE, state: undefined })
      assert.strictEqual(spans[3]?.link?.traceId, OTHER_TRACE)
    }).pipe(Effect.scoped)
  )

  it.effect("begin a trace where there is none, or what is said of one makes no sense; that goes no further", () =>
    Effect.gen(function* () {
      const { gateway, sent, spans } = yield* traced()
      const client = yield* gateway.begin(ANN)
      yield* gateway.ask(ANN, undefined, call(client.headers, { traceparent: "garbage", tracestate: "a=b" }))
      yield* gateway.ask(ANN, undefined, call(client.headers))
      assert.strictEqual(spans.length, 4)
      assert.isUndefined(spans[1]?.parentId)
      assert.notStrictEqual(spans[1]?.context.traceId, spans[3]?.context.traceId)
      assert.notProperty(metaOf(sent[0]), "tracestate")
      for (const [index, leg] of [spans[0], spans[2]].entries()) {
        assert.strictEqual(
          TraceContext.parse(metaOf(sent[index])?.["traceparent"], undefined)?.spanId,
          leg?.context.spanId
        )
      }
    }).pipe(Effect.scoped)
  )

  it.effect("are the same for a modern client, and its modern server", () =>
    Effect.gen(function* () {
      const { gateway, sent, spans } = yield* traced()
      const client = yield* gateway.begin(ANN, undefined, LATEST_MODERN)
      spans.length = 0
      yield* client.send("tools/call", { name: "modern_read" })
      assert.deepStrictEqual(
        spans.map(({ kind, name }) => [kind, name]),
        [
          ["client", "tools/call read"],
          ["server", "tools/call modern_read"]
        ]
      )
      const told = metaOf(sent[0])
      assert.strictEqual(TraceContext.parse(told?.["traceparent"], undefined)?.spanId, spans[0]?.context.spanId)
      assert.property(told, "io.modelcontextprotocol/protocolVersion")
      assert.strictEqual(spans[1]?.attributes["mcp.protocol.version"], LATEST_MODERN)
    }).pipe(Effect.scoped)
  )

  it.effect("say how it ended in the words of the conventions", () =>
    Effect.gen(function* () {
      const { gateway, spans } = yield* traced()
      const client = yield* gateway.begin(ANN)
      const endings: Record<string, unknown> = {}
      for (const tool of ["read", "fails", "errs", "lost", "nothing"]) {
        spans.length = 0
        yield* gateway.ask(ANN, undefined, call(client.headers, undefined, `files_${tool}`))
        endings[tool] = spans.map(({ attributes, failed, kind }) => [
          kind,
          failed,
          attributes["error.type"],
          attributes["rpc.response.status_code"],
          attributes["mcp_proxy.outcome"]
        ])
      }
      assert.deepStrictEqual(endings, {
        read: [
          ["client", false, undefined, undefined, "ok"],
          ["server", false, undefined, undefined, "ok"]
        ],
        fails: [
          ["client", true, "tool_error", undefined, "tool-error"],
          ["server", true, "tool_error", undefined, "tool-error"]
        ],
        errs: [
          ["client", true, "-32000", "-32000", "error"],
          ["server", true, "-32000", "-32000", "error"]
        ],
        lost: [
          ["client", true, "1502", "1502", "unknown"],
          ["server", true, "1502", "1502", "unknown"]
        ],
        nothing: [["server", true, "-32602", "-32602", "not-found"]]
      })
    }).pipe(Effect.scoped)
  )

  it.effect("end with a call that is cancelled", () =>
    Effect.gen(function* () {
      const { gateway, sent, spans } = yield* traced()
      const client = yield* gateway.begin(ANN)
      const waiting = yield* Effect.forkChild(
        gateway.ask(ANN, undefined, call(client.headers, undefined, "files_hangs", "c-1"))
      )
      yield* arrived(() => sent.length === 1)
      const body = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "c-1" } }
      yield* gateway.ask(ANN, undefined, { headers: client.headers, body })
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(
        spans.map(({ attributes }) => attributes["mcp_proxy.outcome"]),
        ["cancelled", "cancelled"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("name a tool only if somebody has it, and a method only if the protocol does", () =>
    Effect.gen(function* () {
      const { gateway, spans } = yield* traced()
      const client = yield* gateway.begin(ANN)
      yield* gateway.ask(ANN, undefined, call(client.headers, undefined, "made-up"))
      yield* client.send("made/up")
      yield* client.send("tools/list")
      yield* client.send("prompts/get", { name: "files_greet" })
      yield* client.send("resources/read", { uri: "file://files/secret-uri" })
      yield* client.send("ping")
      const named = spans.filter(({ kind }) => kind === "server").map(({ name }) => name)
      assert.deepStrictEqual(named, ["tools/call", "_OTHER", "tools/list", "prompts/get files_greet", "resources/read"])
    }).pipe(Effect.scoped)
  )

  it.effect("tell nobody's secrets: no arguments, URIs, messages, people, or what opens a session", () =>
    Effect.gen(function* () {
      const { gateway, spans } = yield* traced()
      const client = yield* gateway.begin(ANN)
      for (const name of ["files_read", "files_lost", "files_errs"]) {
        const headers = { ...client.headers, authorization: "Bearer secret-token", cookie: "secret-cookie" }
        yield* gateway.ask(ANN, undefined, call(headers, { "secret-meta": 1 }, name))
      }
      yield* client.send("resources/read", { uri: "file://files/secret-uri" })
      const said = JSON.stringify(spans.map(({ attributes, link, name }) => ({ attributes, link, name })))
      assert.notInclude(said, "secret")
      assert.notInclude(said, "ann")
      assert.notInclude(said, client.headers["mcp-session-id"])
      // The audit trail's name for the session is said, so that one leads to the other.
      assert.strictEqual(spans[1]?.attributes["mcp.session.id"], gateway.records.at(-1)?.session)
    }).pipe(Effect.scoped)
  )
})

describe("a trace that is not kept", () => {
  it.effect("hands over nothing, and says so to the server", () =>
    Effect.gen(function* () {
      const { gateway, sent, spans } = yield* traced()
      const client = yield* gateway.begin(ANN)
      yield* gateway.ask(ANN, undefined, call(client.headers, { traceparent: `00-${TRACE}-${SPAN}-00` }))
      assert.deepStrictEqual(spans, [])
      assert.match(String(metaOf(sent[0])?.["traceparent"]), new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`, "u"))
    }).pipe(Effect.scoped)
  )
})

describe("without tracing", () => {
  it.effect("what a client says of its trace travels on untouched, be it sense or not", () =>
    Effect.gen(function* () {
      const { gateway, sent } = yield* traced({ sampler: "off" })
      const client = yield* gateway.begin(ANN)
      const metas = [{ traceparent: PARENT, tracestate: "a=b", baggage: "c=d" }, { traceparent: "garbage" }]
      for (const meta of metas) yield* gateway.ask(ANN, undefined, call(client.headers, meta))
      assert.deepStrictEqual(sent.map(metaOf), metas)
      yield* gateway.ask(ANN, undefined, call({ ...client.headers, traceparent: PARENT }))
      assert.isUndefined(metaOf(sent[2]))
    }).pipe(Effect.scoped)
  )
})
