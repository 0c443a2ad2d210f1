/** What a profile says is where the time went. */
import { assert, describe, it } from "@effect/vitest"
import * as Profile from "../../bench/report/Profile.ts"

const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 0, columnNumber: 0 })

const profile: Profile.CpuProfile = {
  nodes: [
    {
      id: 1,
      callFrame: frame("outer", "file:///program.js"),
      // Its second line is another function's, which is inlined.
      positionTicks: [
        { line: 1, ticks: 2 },
        { line: 9, ticks: 5 }
      ]
    },
    { id: 2, callFrame: frame("inner", "file:///program.js"), positionTicks: [{ line: 9, ticks: 1 }] },
    { id: 3, callFrame: frame("write", "node:net"), positionTicks: [{ line: 7, ticks: 3 }] },
    { id: 4, callFrame: frame("(program)", ""), positionTicks: [{ line: 1, ticks: 4 }] },
    { id: 5, callFrame: frame("(idle)", ""), positionTicks: [{ line: 1, ticks: 100 }] }
  ],
  samples: [1, 1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 4, 4, 4, 4],
  timeDeltas: Array.from({ length: 15 }, () => 1000)
}

describe("the lines of a profile", () => {
  const lines = Profile.lines([profile], (line) => `src/domain/Json.ts:${line + 1}`)

  it("have the samples that were taken in them, whatever they were inlined into, and idle time is nobody's", () => {
    assert.deepStrictEqual(lines, [
      { place: "src/domain/Json.ts:9", ticks: 6 },
      { place: "(program)", ticks: 4 },
      { place: "node:net:7", ticks: 3 },
      { place: "src/domain/Json.ts:1", ticks: 2 }
    ])
  })

  it("are shown with what each has of the whole, beside functions and rooms", () => {
    const spent = Profile.spent([profile], () => "src/domain/Json.ts")
    const table = Profile.table(spent, lines, 2)
    assert.match(table, /src\/domain\/Json\.ts:9\D+40\.0 %/u)
    assert.match(table, /ours: domain\D+53\.3 %/u)
    assert.notInclude(table, "node:net:7")
  })
})
