/** Counting in all and for each owner. */
import { assert, describe, it } from "@effect/vitest"
import { Quota } from "../../src/domain/Quota.ts"

describe("a quota", () => {
  it("names the bound that is reached, an owner's own before that of all", () => {
    const quota = new Quota({ most: 3, mostOfOne: 2 })
    assert.isUndefined(quota.reached("a"))
    quota.add("a")
    quota.add("a")
    assert.deepStrictEqual([quota.reached("a"), quota.reached("b")], ["mostOfOne", undefined])
    quota.add("b")
    assert.deepStrictEqual(
      [quota.reached("a"), quota.reached("b"), quota.reached(undefined)],
      ["mostOfOne", "most", "most"]
    )
  })

  it("counts what is nobody's in all only", () => {
    const quota = new Quota({ most: 9, mostOfOne: 1 })
    quota.add(undefined)
    quota.add(undefined)
    assert.deepStrictEqual([quota.total, quota.of(undefined), quota.reached(undefined)], [2, 0, undefined])
  })

  it("has room again for what has left", () => {
    const quota = new Quota({ most: 1, mostOfOne: 1 })
    quota.add("a")
    quota.remove("a")
    assert.deepStrictEqual([quota.total, quota.of("a"), quota.reached("a")], [0, 0, undefined])
  })
})
