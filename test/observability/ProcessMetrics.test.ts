/** What the process says of itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metrics from "../../src/observability/Metrics.ts"
import * as ProcessMetrics from "../../src/observability/ProcessMetrics.ts"
import { family, scrape } from "../support/scrape.ts"

const text = Effect.map(Metrics.Metrics, Metrics.text)

const block = (millis: number): void => {
  const until = performance.now() + millis
  while (performance.now() < until);
}

describe("the process", () => {
  it.live("says what it is, and what it takes", () =>
    Effect.gen(function* () {
      const scraped = yield* text
      const value = (name: string) => family(scraped, name)[""] ?? Number.NaN
      const build = scrape(scraped).find(({ name }) => name === "mcp_proxy_build_info")
      assert.deepStrictEqual([build?.value, build?.labels["node"]], [1, process.versions.node])
      assert.closeTo(value("process_start_time_seconds"), performance.timeOrigin / 1000, 1)
      assert.isAbove(value("process_cpu_seconds_total"), 0)
      assert.isAbove(value("process_resident_memory_bytes"), value("mcp_proxy_heap_used_bytes"))
      assert.isAbove(value("mcp_proxy_external_memory_bytes"), 0)
      if (process.platform === "linux") assert.isAbove(value("process_open_fds"), 2)
    }).pipe(Effect.provide(ProcessMetrics.layer.pipe(Layer.provideMerge(Metrics.layer))))
  )

  it.live("watches its event loop from when it is first asked, and says how late it was since", () =>
    Effect.gen(function* () {
      const delays = Effect.map(text, (scraped) => family(scraped, "mcp_proxy_event_loop_delay_seconds"))
      assert.deepStrictEqual(yield* delays, {})
      yield* Effect.sleep(60)
      yield* Effect.sync(() => block(200))
      yield* Effect.sleep(60)
      const late = yield* delays
      assert.isAbove(late["1"] ?? 0, 0.15)
      assert.isAtMost(late["0.5"] ?? 1, late["0.99"] ?? 0)
      assert.isAtMost(late["0.99"] ?? 1, late["1"] ?? 0)
    }).pipe(Effect.provide(ProcessMetrics.layer.pipe(Layer.provideMerge(Metrics.layer))))
  )
})
