/** What V8 is told: of memory outside the heap, and during a start; and what it is kept from forgetting. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { join } from "node:path"

/** As JavaScript: a Node that compiles nothing cannot strip types. */
const moduleOf = (name: string): string =>
  `data:text/javascript,${encodeURIComponent(
    stripTypeScriptTypes(readFileSync(join(import.meta.dirname, "../../src/cli", name), "utf8"))
  )}`

const BOUNDS = moduleOf("bounds.ts")

/** Allocates three gigabytes, a megabyte at a time and none of them kept, beside a heap that is; the full collections meanwhile. */
const MEMORY = `
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
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", MEMORY, ...args], { encoding: "utf8" })
  return JSON.parse(said) as { readonly full: number; readonly kept: number; readonly megabytes: number }
}

/** Whether V8 has compiled a busy function for speed, before a start, during it, and after it; each time another function. */
const START = `
  const { beginStart, endStart } = await import(${JSON.stringify(BOUNDS)})
  const busy = async () => {
    const sum = new Function("from", "let all = 0; for (let i = from; i < from + 1000; i++) all += i % 7; return all")
    let isCompiled = false
    for (let round = 0; round < 300 && !isCompiled; round++) {
      for (let each = 0; each < 100; each++) sum(each)
      // Compiled on another thread, it is put in place between turns.
      await new Promise((resolve) => setTimeout(resolve, 1))
      isCompiled = (%GetOptimizationStatus(sum) & 16) !== 0
    }
    return isCompiled
  }
  const found = [await busy()]
  beginStart()
  found.push(await busy())
  endStart()
  found.push(await busy())
  console.log(JSON.stringify(found))
`

/** What a tick takes, in microseconds, after a collection that found none, as there are where a program was idle. */
const TICKS = `
  import { setFlagsFromString } from "node:v8"
  import { runInNewContext } from "node:vm"
  if (process.argv[2] === "kept") (await import(${JSON.stringify(moduleOf("shapes.ts"))})).keepTick()
  const ticks = (count) =>
    new Promise((resolve) => {
      const tick = () => (--count < 0 ? resolve() : process.nextTick(tick))
      tick()
    })
  await ticks(20)
  await new Promise((resolve) => setTimeout(resolve, 20))
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc")
  for (let round = 0; round < 4; round++) collect({ type: "major", execution: "sync", flavor: "last-resort" })
  await ticks(300_000)
  const start = performance.now()
  await ticks(1_000_000)
  console.log((performance.now() - start) / 1000)
`

const tickAfterIdling = (...args: ReadonlyArray<string>): number =>
  Number(execFileSync(process.execPath, ["--input-type=module", "-", ...args], { encoding: "utf8", input: TICKS }))

const compiled = (...options: ReadonlyArray<string>): unknown => {
  const args = [...options, "--allow-natives-syntax", "--input-type=module", "-"]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", input: START }))
}

// Elsewhere nothing is changed.
const isKnown = process.versions.v8.startsWith("13.6.")

describe("memory outside the heap", () => {
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

describe("a start", () => {
  it.runIf(isKnown)("has nothing compiled for speed until it is over", { timeout: 60_000 }, () => {
    assert.deepStrictEqual(compiled(), [true, false, true])
  })

  it("leaves to whoever runs the program what they have decided", { timeout: 60_000 }, () => {
    assert.deepStrictEqual(compiled("--jitless"), [false, false, false])
    assert.deepStrictEqual(compiled("--no-opt", "--no-maglev"), [false, false, false])
  })
})

describe("a program that was idle", () => {
  const [major, minor = 0] = process.versions.node.split(".").map(Number)

  it.runIf(major === 24 && minor >= 21)("is as fast as before", { timeout: 60_000 }, () => {
    const [kept, forgotten] = [tickAfterIdling("kept"), tickAfterIdling()]
    assert.isBelow(kept, forgotten / 2, `microseconds a tick, where ${forgotten} are taken without`)
  })
})
