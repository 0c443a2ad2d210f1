/** It is a map that forgets at once what goes. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { TransientMap } from "../../src/domain/TransientMap.ts"

const step = fc.record({
  what: fc.constantFrom("set", "take", "get", "has"),
  // Many of them end in the same bits.
  key: fc.oneof(fc.nat(8), fc.constantFrom(32, 33, 64, -31, 1.5, 2 ** 32, "1", "a")),
  value: fc.record({ n: fc.nat() })
})

describe("a transient map", () => {
  it("is a map, for whatever is done with it", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const own = new TransientMap<number | string, { readonly n: number }>()
        const model = new Map<number | string, { readonly n: number }>()
        for (const { key, value, what } of steps) {
          if (what === "set") {
            own.set(key, value)
            model.set(key, value)
          } else if (what === "take") {
            assert.strictEqual(own.take(key), model.get(key))
            model.delete(key)
          } else if (what === "get") assert.strictEqual(own.get(key), model.get(key))
          else assert.strictEqual(own.has(key), model.has(key))
          assert.strictEqual(own.size, model.size)
          assert.deepStrictEqual([...own], [...model])
        }
      })
    )
  })

  it("leaves out of a walk what is taken out meanwhile", () => {
    const own = new TransientMap<string, object>()
    for (const key of ["a", "b", "c"]) own.set(key, {})
    const seen: Array<string> = []
    for (const [key] of own) {
      seen.push(key)
      own.take("a")
      own.take("b")
    }
    assert.deepStrictEqual(seen, ["a", "c"])
  })
})
