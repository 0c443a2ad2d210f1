/** Bytes that are held are counted, never more than there may be, and all are given back. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { ByteBudget, Holding } from "../../src/domain/ByteBudget.ts"

describe("a budget", () => {
  it("gives what fits, and nothing of what does not", () => {
    const budget = new ByteBudget(10)
    assert.deepStrictEqual([budget.take(7), budget.take(4), budget.take(3), budget.taken], [true, false, true, 10])
  })

  it("asks those who can spare some before it refuses, for what is missing and no more", () => {
    const budget = new ByteBudget(10)
    const asked: Array<number> = []
    const spare = new Holding(budget)
    spare.add(8)
    budget.onShortage((bytes) => {
      asked.push(bytes)
      spare.become(Math.max(0, spare.bytes - bytes))
    })
    assert.isTrue(budget.take(5))
    assert.deepStrictEqual([asked, spare.bytes, budget.taken], [[3], 5, 10])
  })

  it("asks one after the other, and nobody once there is room, or for what could never fit", () => {
    const budget = new ByteBudget(10)
    const asked: Array<string> = []
    const holder = (name: string) => {
      const holding = new Holding(budget)
      holding.add(5)
      return budget.onShortage((bytes) => {
        asked.push(name)
        holding.become(Math.max(0, holding.bytes - bytes))
      })
    }
    const forget = holder("a")
    holder("b")
    assert.isFalse(budget.take(11))
    assert.deepStrictEqual(asked, [])
    assert.isTrue(budget.take(3))
    assert.deepStrictEqual(asked, ["a"])
    forget()
    assert.isTrue(budget.take(4))
    assert.deepStrictEqual(asked, ["a", "b"])
  })

  it("says once when more than a level is taken, and once when no more than half of it is again", () => {
    const said: Array<readonly [boolean, number]> = []
    const budget = new ByteBudget(100, { bytes: 40, crossed: (isAbove) => said.push([isAbove, budget.taken]) })
    const steps = [40, 1, 50, -60, -10, -1, 19, -30, 32, -41]
    for (const step of steps)
      if (step > 0) budget.take(step)
      else budget.give(-step)
    assert.deepStrictEqual(said, [
      [true, 41],
      [false, 20],
      [true, 41],
      [false, 0]
    ])
  })
})

describe("what somebody holds", () => {
  it("is given back at its end, once, and nothing is held after that", () => {
    const budget = new ByteBudget(10)
    const holding = new Holding(budget)
    holding.add(6)
    holding.release()
    holding.release()
    holding.remove(3)
    assert.deepStrictEqual([holding.add(1), holding.become(2), holding.bytes, budget.taken], [false, false, 0, 0])
  })

  it("stays as it was where there is no room for more", () => {
    const budget = new ByteBudget(10)
    const holding = new Holding(budget)
    holding.add(6)
    assert.deepStrictEqual([holding.become(11), holding.bytes], [false, 6])
    assert.deepStrictEqual([holding.become(2), holding.bytes, budget.taken], [true, 2, 2])
  })

  it("adds up to what is taken, never to more than the limit, and to nothing in the end", () => {
    const operation = fc.record({
      who: fc.nat(4),
      what: fc.constantFrom("add", "become", "remove", "release"),
      bytes: fc.nat(60)
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80, size: "max" }), (operations) => {
        const budget = new ByteBudget(100)
        const holders = Array.from({ length: 5 }, () => new Holding(budget))
        const [first] = holders
        budget.onShortage((bytes) => first?.remove(bytes))
        for (const { bytes, what, who } of operations) {
          const holder = holders[who]
          if (what === "release") holder?.release()
          else holder?.[what](bytes)
          const sum = holders.reduce((all, one) => all + one.bytes, 0)
          assert.strictEqual(budget.taken, sum)
          assert.isTrue(holders.every((one) => one.bytes >= 0))
          assert.isAtMost(sum, budget.limit)
        }
        for (const holder of holders) holder.release()
        assert.strictEqual(budget.taken, 0)
      }),
      { numRuns: 200 }
    )
  })
})
