/** What belongs to a call is forgotten when it ends: what V8 takes for alive it copies, until a full collection finds out. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { HEADER, LATEST_MODERN, META } from "../../src/domain/Protocol.ts"
import { bundle, rawStdio, readyProxy } from "./harness.ts"
import { begin, toolCall } from "./wire.ts"

const CALLERS = 16
const CALLS = 600
const TEXT = "x".repeat(100)

type Headers = Readonly<Record<string, string>>

interface Way {
  readonly accept: string
  /** The headers of one caller's calls. */
  readonly headers: (url: string) => Effect.Effect<Headers>
  readonly call: (id: number) => ReturnType<typeof toolCall>
}

const legacyCall = (id: number) => toolCall("echo", { message: TEXT }, id)

const modernCall = (id: number) => {
  const { params, ...envelope } = legacyCall(id)
  const meta = {
    [META.protocolVersion]: LATEST_MODERN,
    [META.clientCapabilities]: {},
    [META.clientInfo]: { name: "forgetting", version: "1" }
  }
  return { ...envelope, params: { ...params, _meta: meta } }
}

const modernHeaders = () =>
  Effect.succeed({ [HEADER.protocolVersion]: LATEST_MODERN, [HEADER.method]: "tools/call", [HEADER.name]: "echo" })

const MESSAGE = "application/json, text/event-stream"
const STREAM = "text/event-stream, application/json"

const WAYS: Readonly<Record<string, Way>> = {
  "a message": { accept: MESSAGE, headers: begin, call: legacyCall },
  "a message without a session": { accept: MESSAGE, headers: modernHeaders, call: modernCall },
  // Those of sessions are kept on purpose, for who comes back to them.
  "a stream without a session": { accept: STREAM, headers: modernHeaders, call: modernCall }
}

/** One of many callers, on a connection that is kept. */
const caller = (url: string, { accept, call }: Way, own: Headers) =>
  Effect.promise(async () => {
    for (let id = 1; id <= CALLS; id++) {
      const answer = await fetch(url, {
        method: "POST",
        headers: { ...own, accept, "content-type": "application/json" },
        body: JSON.stringify(call(id))
      })
      assert.include(await answer.text(), TEXT)
    }
  })

/** A collection, as `--trace-gc` tells of it: whose, of which kind, and the heap's megabytes before and after. */
const COLLECTION = /\[\d+:(0x[\da-f]+)\][^\n]*?(Scavenge|Mark-Compact) ([\d.]+) \([\d.]+\) -> ([\d.]+)/gu

/** Which part of what was allocated outlived a collection of the young, at most of them; once what is compiled is. */
const survival = (output: string): number => {
  const all = [...output.matchAll(COLLECTION)].map(([, isolate, kind, before, after]) => ({
    isolate,
    kind,
    before: Number(before),
    after: Number(after)
  }))
  const own = all.filter(({ isolate }) => isolate === all[0]?.isolate)
  const rates = own.flatMap(({ after, before, kind }, index) => {
    const allocated = before - (own[index - 1]?.after ?? before)
    return kind === "Scavenge" && allocated > 0 ? [1 - (before - after) / allocated] : []
  })
  const late = rates.slice(Math.floor(rates.length / 2)).sort((a, b) => a - b)
  assert.isAbove(late.length, 10, "so few collections say nothing")
  return late[Math.floor(late.length / 2)] ?? 1
}

describe.each(Object.entries(WAYS))("what belongs to a call that is answered by %s", (_, way) => {
  it.live("is forgotten when it ends", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { raw: rawStdio() } },
        entry: "--trace-gc",
        args: [bundle],
        env: { MCP_AUDIT: "false", MCP_RATE_LIMIT: "0" }
      })
      const callers = yield* Effect.forEach(Array.from({ length: CALLERS }), () => way.headers(proxy.url))
      yield* Effect.forEach(callers, (own) => caller(proxy.url, way, own), {
        concurrency: "unbounded",
        discard: true
      })
      assert.isBelow(survival(proxy.output()), 0.05)
    }).pipe(Effect.scoped)
  )
})
