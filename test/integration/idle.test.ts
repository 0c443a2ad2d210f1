/** What a proxy does while nobody asks anything of it: next to nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { rawStdio, readyProxy } from "./harness.ts"
import { begin, post, toolCall } from "./wire.ts"

/** How often the main thread has gone to sleep until now. */
const sleeps = (pid: number): number =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)/mu.exec(readFileSync(`/proc/${pid}/task/${pid}/status`, "utf8"))?.[1])

const SECONDS = 3

describe.runIf(process.platform === "linux")("a proxy that is idle", () => {
  it.live("is woken less than 25 times a second, though its metrics are read and clients are connected", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: rawStdio() } } })
      const session = yield* begin(proxy.url)
      yield* post(proxy.url, toolCall("echo"), session)
      yield* Effect.promise(async () => (await fetch(proxy.url.replace("/mcp", "/metrics"))).text())
      // Until what the start and the call have left to do is done.
      yield* Effect.sleep("2 seconds")
      const before = sleeps(proxy.pid)
      yield* Effect.sleep(SECONDS * 1000)
      const each = (sleeps(proxy.pid) - before) / SECONDS
      assert.isAbove(each, 0)
      assert.isBelow(each, 25)
    })
  )
})
