/** What a load run is held against: each demand can be met, and each can be missed. */
import { assert, describe, it } from "@effect/vitest"
import { type Demands, judge, line, type Memory, Tally } from "./Tally.ts"

const MIB = 1024 * 1024

const demands: Demands = {
  modest: "modest",
  factor: 10,
  bufferBytes: 32 * MIB,
  growth: 100 * MIB,
  principals: ["modest", "flood"],
  unhurried: ["reader"],
  met: [["flood", "MCP_MAX_QUEUED_PER_USER"]]
}

const memory: Memory = { idle: 100 * MIB, peak: 150 * MIB, buffered: 10 * MIB }

const FULL =
  'HTTP 200: {"error":{"message":"The call was not sent: 256 of your calls wait already (MCP_MAX_QUEUED_PER_USER)"}}'

/** A run in which all is well, and what else was noted in it. */
const tally = (more: (tally: Tally) => void = () => {}): Tally => {
  const all = new Tally()
  for (let n = 0; n < 200; n++) {
    all.answered("modest", "alone", 50)
    all.answered("modest", "beside", 60)
    all.answered("flood", "beside", 3000)
  }
  for (let n = 0; n < 10; n++) all.answered("reader", "beside", 30_000)
  all.missed("flood", FULL)
  more(all)
  return all
}

const complaints = (more?: (tally: Tally) => void, other: Partial<Memory> = {}, wanted: Partial<Demands> = {}) =>
  judge(tally(more), { ...memory, ...other }, { ...demands, ...wanted }).complaints

describe("a load run", () => {
  it("has passed where everything demanded is so, and says what it was", () => {
    const verdict = judge(tally(), memory, demands)
    assert.deepStrictEqual(verdict.complaints, [])
    assert.strictEqual(
      line(verdict, memory, demands, 500, 60),
      "load: 500 clients, 60 s: 611 calls, 1 refused by bounds, 0 failed; p99 3000 ms; " +
        "modest p99 60 ms beside others, 50 ms alone (at most 10 times); " +
        "memory +50 MiB of at most +100 MiB, buffered 10 MiB of 32 MiB"
    )
  })

  it("has failed where the modest principal waits much longer than alone, or got nothing that could be compared", () => {
    const slow = complaints((all) => {
      for (let n = 0; n < 5; n++) all.answered("modest", "beside", 501)
    })
    assert.deepStrictEqual(slow, ["modest waited 501.0 ms beside others, more than 10 times the 50.0 ms alone"])
    const nothing = judge(new Tally(), memory, { ...demands, principals: [], met: [] })
    assert.match(nothing.complaints.join("\n"), /^modest waited NaN ms/u)
  })

  it("has failed where memory is not bounded as it should be", () => {
    assert.deepStrictEqual(complaints(undefined, { buffered: 33 * MIB }), ["33 MiB were buffered, more than 32 MiB"])
    assert.deepStrictEqual(complaints(undefined, { peak: 201 * MIB }), [
      "memory grew from 100 MiB to 201 MiB, by more than 100 MiB"
    ])
    assert.lengthOf(complaints(undefined, { buffered: Number.NaN }), 1)
  })

  it("has failed where an error names no bound, the modest principal meets one, or somebody gets nothing", () => {
    assert.deepStrictEqual(
      complaints((all) => assert.isFalse(all.missed("flood", "HTTP 500"))),
      ["flood got HTTP 500"]
    )
    assert.deepStrictEqual(
      complaints((all) => assert.isTrue(all.missed("modest", FULL))),
      ["modest was refused 1 times by MCP_MAX_QUEUED_PER_USER"]
    )
    assert.deepStrictEqual(complaints(undefined, {}, { principals: ["modest", "idle"] }), ["idle got nothing"])
  })

  it("has shown nothing where nobody met the bound in question", () => {
    assert.deepStrictEqual(complaints(undefined, {}, { met: [["flood", "MCP_BUFFER_BYTES"]] }), [
      "flood never met MCP_BUFFER_BYTES: too little load"
    ])
  })
})
