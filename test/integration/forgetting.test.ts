/** What belongs to a call is forgotten when it ends: what V8 takes for alive it copies, until a full collection finds out. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bundle, rawStdio, readyProxy } from "./harness.ts"
import { begin, toolCall } from "./wire.ts"

const CALLERS = 16
const CALLS = 600

/** One of many callers, on a connection that is kept. */
const caller = (url: string, session: Readonly<Record<string, string>>, accept: string) =>
  Effect.promise(async () => {
    for (let id = 1; id <= CALLS; id++) {
      const answer = await fetch(url, {
        method: "POST",
        headers: { ...session, accept, "content-type": "application/json" },
        body: JSON.stringify(toolCall("echo", { message: "x".repeat(100) }, id))
      })
      assert.include(await answer.text(), "x".repeat(100))
    }
  })

/** A collection of the young, as `--trace-gc` tells of it: the heap's megabytes before and after. */
const SCAVENGE = /\[\d+:(0x[\da-f]+)\][^\n]*?Scavenge ([\d.]+) \([\d.]+\) -> ([\d.]+)/gu

/** Which part of what was allocated outlived a collection, as of the second half: by then what is compiled is. */
const survival = (output: string): number => {
  const all = [...output.matchAll(SCAVENGE)].map(([, isolate, before, after]) => ({
    isolate,
    before: Number(before),
    after: Number(after)
  }))
  const first = all[0]?.isolate
  const own = all.filter(({ isolate }) => isolate === first)
  const late = own.slice(Math.floor(own.length / 2))
  let [allocated, kept] = [0, 0]
  for (const [index, { after, before }] of late.entries()) {
    const previous = late[index - 1]
    // Between the two there was a full collection.
    if (previous === undefined || before < previous.after) continue
    allocated += before - previous.after
    kept += after - previous.after
  }
  assert.isAbove(allocated, 50, "so few megabytes say nothing")
  return kept / allocated
}

const ANSWERS = {
  "a message": "application/json, text/event-stream",
  "a stream": "text/event-stream, application/json"
}

describe.each(Object.entries(ANSWERS))("what belongs to a call that is answered by %s", (_, accept) => {
  it.live("is forgotten when it ends", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { raw: rawStdio() } },
        entry: "--trace-gc",
        args: [bundle],
        env: { MCP_AUDIT: "false", MCP_RATE_LIMIT: "0" }
      })
      const sessions = yield* Effect.forEach(Array.from({ length: CALLERS }), () => begin(proxy.url))
      yield* Effect.forEach(sessions, (session) => caller(proxy.url, session, accept), {
        concurrency: "unbounded",
        discard: true
      })
      assert.isBelow(survival(proxy.output()), 0.05)
    }).pipe(Effect.scoped)
  )
})
