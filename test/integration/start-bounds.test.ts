/** A start compiles nothing for speed; what runs after it is compiled as ever. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { join } from "node:path"

const BOUNDS = join(import.meta.dirname, "../../src/cli/bounds.ts")

/** Whether V8 has compiled a busy function for speed, before a start, during it, and after it; each time another function. */
const PROGRAM = `
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

describe("a start", () => {
  // Elsewhere nothing is changed.
  const isKnown = process.versions.v8.startsWith("13.6.")
  it.runIf(isKnown)("has nothing compiled for speed until it is over", { timeout: 60_000 }, () => {
    const args = ["--allow-natives-syntax", "--input-type=module", "-e", PROGRAM]
    assert.deepStrictEqual(JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })), [true, false, true])
  })
})
