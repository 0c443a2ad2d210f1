/** It is a map, whatever its texts end with. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { TextMap } from "../../src/domain/TextMap.ts"

/** Few texts, of which most end like others, some of them being such an end. */
const text = fc.tuple(
  fc.constantFrom("", "a", "b", "c".repeat(40)),
  fc.constantFrom("", "x", "y".repeat(32), "z".repeat(50))
)
const texts = text.map(([head, tail]) => `${head}${tail}`)
const step = fc.oneof(
  fc.record({ set: texts, value: fc.nat() }),
  fc.record({ delete: texts }),
  fc.record({ get: texts })
)

describe("a map of long texts", () => {
  it("is what a Map is", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [map, model] = [new TextMap<number>(), new Map<string, number>()]
        for (const one of steps) {
          if ("set" in one) {
            map.set(one.set, one.value)
            model.set(one.set, one.value)
          } else if ("delete" in one) assert.strictEqual(map.delete(one.delete), model.delete(one.delete))
          else assert.strictEqual(map.get(one.get), model.get(one.get))
          assert.strictEqual(map.size, model.size)
          assert.deepStrictEqual(new Map(map), model)
        }
      })
    )
  })

  it("gives texts of different ends in the order in which they came, of which one that is set anew is none", () => {
    const map = new TextMap<number>()
    for (const [index, one] of ["one", "two", "three", "one"].entries()) map.set(one, index)
    map.delete("two")
    map.set("two", 4)
    assert.deepStrictEqual(
      [...map],
      [
        ["one", 3],
        ["three", 2],
        ["two", 4]
      ]
    )
  })
})
