/** What lies outside the heap brings no collections of its own: calls with megabytes would cost mostly that. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { join } from "node:path"

const BOUNDS = join(import.meta.dirname, "../../src/cli/bounds.ts")

/** Allocates three gigabytes, a megabyte at a time and none of them kept, beside a heap that is; the full collections meanwhile. */
const PROGRAM = `
  import { constants, PerformanceObserver } from "node:perf_hooks"
  if (process.argv[1] === "counted") (await import(${JSON.stringify(BOUNDS)})).countOutsideHeap()
  let full = 0
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++
  }).observe({ entryTypes: ["gc"] })
  const kept = Array.from({ length: 400_000 }, (_, index) => ({ index, text: String(index) }))
  for (let round = 0; round < 300; round++) {
    for (let each = 0; each < 10; each++) Buffer.alloc(1024 * 1024)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  console.log(JSON.stringify({ full, kept: kept.length, megabytes: process.resourceUsage().maxRSS / 1024 }))
`

const run = (...args: ReadonlyArray<string>) => {
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", PROGRAM, ...args], { encoding: "utf8" })
  return JSON.parse(said) as { readonly full: number; readonly kept: number; readonly megabytes: number }
}

describe("memory outside the heap", () => {
  // Elsewhere nothing is changed.
  const isKnown = process.versions.v8.startsWith("13.6.")
  it.runIf(isKnown)(
    "brings full collections as the heap does, and is bounded all the same",
    { timeout: 60_000 },
    () => {
      const [counted, uncounted] = [run("counted"), run()]
      assert.isBelow(counted.full, uncounted.full)
      assert.isBelow(counted.megabytes, 1000)
    }
  )
})
