/** What waits to be written has a bounded size. */
import { assert, describe, it } from "@effect/vitest"
import { Backlog } from "../../src/access/AuditBacklog.ts"
import { recordsOf } from "../support/packed.ts"
import { runInNewContext } from "node:vm"
import { setFlagsFromString } from "node:v8"

describe("a record that waits", () => {
  it("keeps no more of a long text in memory than is recorded", () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const backlog = new Backlog()
    collect()
    const before = process.memoryUsage().heapUsed
    for (let index = 0; index < 100; index++) {
      const target = JSON.parse(`"${"x".repeat(1_000_000)}${index}"`) as string
      backlog.add({ time: 0, kind: "call", outcome: "ok", target }, () => 0)
    }
    collect()
    assert.isBelow(process.memoryUsage().heapUsed - before, 20_000_000, "of a hundred million characters")
    assert.strictEqual(backlog.waiting, 100)
  })
})

const call = (target: string) => ({ time: 0, kind: "call", outcome: "ok", target }) as const

describe("a text that is cut in the middle of a character", () => {
  it("has the replacement character there", () => {
    const backlog = new Backlog()
    backlog.add(call(`${"x".repeat(1023)}😀 and more`), () => 0)
    const records = backlog.batch()?.records
    assert.deepStrictEqual(records && recordsOf(records), [call(`${"x".repeat(1023)}\ufffd…`)])
  })
})

describe("records that wait", () => {
  it("are the same ones under the same number until they are written, whatever comes meanwhile", () => {
    const backlog = new Backlog()
    assert.isUndefined(backlog.batch())
    backlog.add(call("a"), () => 0)
    const first = backlog.batch()
    backlog.add(call("b"), () => 0)
    assert.deepStrictEqual(backlog.batch(), first)
    assert.deepStrictEqual([backlog.waiting, backlog.given], [2, 2])
    backlog.written()
    const second = backlog.batch()
    assert.deepStrictEqual([first?.number, second?.number], [1, 2])
    assert.deepStrictEqual(first && recordsOf(first.records), [call("a")])
    assert.deepStrictEqual(second && recordsOf(second.records), [call("b")])
    backlog.written()
    assert.deepStrictEqual([backlog.waiting, backlog.batch()], [0, undefined])
  })
})
