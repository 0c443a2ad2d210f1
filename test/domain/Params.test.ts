/** A parameter is what `JSON.parse` says it is, and is parsed when it is asked for. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Json from "../../src/domain/Json.ts"
import { Params } from "../../src/domain/Params.ts"

const paramsOf = (text: string): Params => {
  const bytes = Json.utf8(text)
  return new Params(bytes, Json.members(bytes, 0) ?? [])
}

describe("parameters", () => {
  it("are what JSON.parse has of them, and their bytes as they stand", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/u), fc.jsonValue()), (given) => {
        const values = JSON.parse(JSON.stringify(given)) as Record<string, unknown>
        const params = paramsOf(JSON.stringify(given))
        let size = 0
        for (const [key, value] of Object.entries(values)) {
          assert.deepStrictEqual(params.get(key), value)
          const bytes = Buffer.from(params.bytes(key) ?? [])
          assert.deepStrictEqual(JSON.parse(bytes.toString()), value)
          size += bytes.length
        }
        assert.strictEqual(params.size, size)
        assert.isUndefined(params.get("toString"))
        assert.isUndefined(params.bytes("toString"))
      })
    )
  })

  it("are parsed once, where there is something to parse", () => {
    const params = paramsOf('{"arguments":{"n":1}}')
    assert.strictEqual(params.get("arguments"), params.get("arguments"))
  })

  it("of several by one name are the last, as JSON.parse has it", () => {
    const params = paramsOf('{"other":1,"other":2}')
    assert.strictEqual(params.get("other"), 2)
    assert.strictEqual(Buffer.from(params.bytes("other") ?? []).toString(), "2")
  })

  it("may be left out, by name", () => {
    const left = paramsOf('{"name":"echo","requestState":"s","inputResponses":{}}').without(
      "requestState",
      "inputResponses"
    )
    assert.deepStrictEqual(
      left.members.map(({ key }) => key),
      ["name"]
    )
    assert.strictEqual(left.get("name"), "echo")
    assert.isUndefined(left.get("requestState"))
  })
})
