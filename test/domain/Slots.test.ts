/** Slots hold what was put in until it is taken out. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Slots } from "../../src/domain/Slots.ts"

describe("slots", () => {
  it("hold what was put in until it is taken out, once", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant("put"), fc.nat(12)), { maxLength: 200 }), (steps) => {
        const own = new Slots<{ readonly n: number }>()
        const model = new Map<number, { readonly n: number }>()
        for (const [n, step] of steps.entries()) {
          if (typeof step === "number") {
            assert.strictEqual(own.take(step), model.get(step))
            model.delete(step)
          } else {
            const value = { n }
            const slot = own.put(value)
            assert.isFalse(model.has(slot), "it was another's")
            model.set(slot, value)
          }
          assert.strictEqual(own.size, model.size)
          assert.deepStrictEqual(
            [...own].map((one) => one.n).sort((a, b) => a - b),
            [...model.values()].map((one) => one.n).sort((a, b) => a - b)
          )
        }
      })
    )
  })

  it("are used again, so that there are no more than were ever taken at a time", () => {
    const own = new Slots()
    const taken: Array<number> = []
    for (let round = 0; round < 1000; round++) {
      taken.push(own.put({}))
      if (taken.length > 3) own.take(taken.shift() ?? -1)
      assert.isBelow(Math.max(...taken), 4)
    }
  })

  it("leave out of a walk what is taken out meanwhile", () => {
    const own = new Slots<{ readonly name: string }>()
    const slots = ["a", "b", "c"].map((name) => own.put({ name }))
    const seen: Array<string> = []
    for (const { name } of own) {
      seen.push(name)
      own.take(slots[1] ?? -1)
    }
    assert.deepStrictEqual(seen, ["a", "c"])
  })
})
