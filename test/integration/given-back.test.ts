/** What starting took in memory is given back, once the proxy has started. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bundle, rawStdio, readyProxy } from "./harness.ts"

/** A collection that is to reduce the heap, as `--trace-gc` tells of it: the megabytes that it had of the system before and after. */
const REDUCED = /Mark-Compact \(reduce\) [\d.]+ \(([\d.]+)\) -> [\d.]+ \(([\d.]+)\) MB/u

describe("the memory that starting took", () => {
  it.live("is given back soon after", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { raw: rawStdio() } },
        entry: "--trace-gc",
        args: [bundle]
      })
      yield* proxy.printed(REDUCED)
      const [, before, after] = REDUCED.exec(proxy.output()) ?? []
      assert.isBelow(Number(after), 0.8 * Number(before))
    }).pipe(Effect.scoped)
  )
})
