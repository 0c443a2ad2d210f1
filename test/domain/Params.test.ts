/** A parameter is what `JSON.parse` says it is, whether it was parsed with the rest or is when it is asked for. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Params } from "../../src/domain/Params.ts"

const bytesOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const membersOf = (values: object) => Object.entries(values).map(([key, value]) => ({ key, bytes: bytesOf(value) }))

describe("parameters", () => {
  it("are the same, parsed before or when they are asked for", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/u), fc.jsonValue()), (given) => {
        const values = JSON.parse(JSON.stringify(given)) as Record<string, unknown>
        const [parsed, unparsed] = [new Params(membersOf(values), values), new Params(membersOf(values))]
        for (const [key, value] of Object.entries(values)) {
          assert.deepStrictEqual(parsed.get(key), value)
          assert.deepStrictEqual(unparsed.get(key), value)
        }
        for (const params of [parsed, unparsed]) assert.isUndefined(params.get("toString"))
      })
    )
  })

  it("are parsed once", () => {
    const params = new Params(membersOf({ arguments: { n: 1 } }))
    assert.strictEqual(params.get("arguments"), params.get("arguments"))
  })

  it("of several by one name are the last, as JSON.parse has it", () => {
    const params = new Params([...membersOf({ other: 1 }), ...membersOf({ other: 2 })])
    assert.strictEqual(params.get("other"), 2)
  })

  it("may be left out, by name", () => {
    const values = { name: "echo", requestState: "s", inputResponses: {} }
    for (const params of [new Params(membersOf(values), values), new Params(membersOf(values))]) {
      const left = params.without("requestState", "inputResponses")
      assert.deepStrictEqual(
        left.members.map(({ key }) => key),
        ["name"]
      )
      assert.strictEqual(left.get("name"), "echo")
      assert.isUndefined(left.get("requestState"))
    }
  })
})
