/** When a run fails, and what it says. */
import { assert, describe, it } from "@effect/vitest"
import { type Findings, lastLine, limit, LIMITS, problems, type Unit, WANDERING } from "./Verdict.ts"

/** Ten samples, each of so many, that fill up at first and then grow by so much each. */
const grown = (unit: Unit, each: number, bytes: number) => ({
  unit,
  samples: Array.from({ length: 10 }, (_, index) => {
    const done = (index + 1) * each
    return [done, 1e7 + (index < 5 ? 1e6 * index : 5e6) + (index < 5 ? 0 : bytes * done)] as const
  })
})

const before = { processes: 11, descriptors: 70, timers: 40, listeners: 14, resources: 60 }

const clean: Findings = {
  before,
  after: before,
  growth: [grown("call", 10_000, 12), grown("crash", 200, -3)],
  survivors: 0,
  warnings: []
}

describe("a run", () => {
  it("of which nothing is left is without problems, and says so in one line", () => {
    assert.deepStrictEqual(problems(clean), [])
    assert.strictEqual(lastLine(clean), "leak: 0 processes, +0 fds, +0 timers, 12 bytes/call, -3 bytes/crash")
  })

  it("may end with less of something than it began with", () => {
    const found = { ...clean, after: { ...before, descriptors: 68, timers: 39 } }
    assert.deepStrictEqual(problems(found), [])
    assert.include(lastLine(found), "-2 fds, -1 timers")
  })

  it("has every problem said, with what was found and what is allowed", () => {
    const found: Findings = {
      before,
      after: { processes: 12, descriptors: 71, timers: 43, listeners: 15, resources: 61 },
      growth: [grown("call", 10_000, 51), grown("crash", 200, 201), grown("session", 1000, 5000)],
      survivors: 2,
      warnings: ["MaxListenersExceededWarning: possible leak"]
    }
    assert.deepStrictEqual(problems(found), [
      "2 processes are left after the proxy's end",
      "12 processes, not 11",
      "71 descriptors, not 70",
      "43 timers, not 40",
      "15 listeners of the process's events, not 14",
      "61 active resources, not 60",
      "each call leaves 51 bytes behind; 50 are allowed",
      "each crash leaves 201 bytes behind; 200 are allowed",
      `each session leaves 5000 bytes behind; ${LIMITS.session} are allowed`,
      "MaxListenersExceededWarning: possible leak"
    ])
    assert.strictEqual(lastLine(found), "leak: 2 processes, +1 fds, +3 timers, 51 bytes/call, 201 bytes/crash")
  })

  it("says what it has not looked at", () => {
    assert.include(lastLine({ ...clean, growth: [] }), "? bytes/call, ? bytes/crash")
  })
})

describe("what each may leave behind", () => {
  it("is the goal itself in a run long enough to tell", () => {
    assert.strictEqual(limit(grown("call", 10_000, 0)), 50)
    assert.strictEqual(limit(grown("crash", 200, 0)), 200)
  })

  it("is what can be told from nothing in a short one, where so little was done", () => {
    assert.strictEqual(limit(grown("crash", 8, 0)), Math.round(WANDERING / 32))
    assert.deepStrictEqual(problems({ ...clean, growth: [grown("crash", 8, Math.floor(WANDERING / 32))] }), [])
    assert.strictEqual(problems({ ...clean, growth: [grown("crash", 8, Math.ceil(WANDERING / 32) + 1)] }).length, 1)
  })
})
