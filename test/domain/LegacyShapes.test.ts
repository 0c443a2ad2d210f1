/** Structured content of any shape, shown to clients that know objects only. */
import { assert, describe, it } from "@effect/vitest"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import * as Pieces from "../../src/domain/Pieces.ts"
import * as LegacyShapes from "../../src/domain/LegacyShapes.ts"
import * as Translate from "../../src/domain/Translate.ts"

const shown = (outputSchema: unknown): { readonly outputSchema: unknown } =>
  JSON.parse(Buffer.from(LegacyShapes.tool(Json.encode({ name: "x", outputSchema, last: 1 }))).toString())

const wrapped = (schema: unknown, more: object = {}) => ({
  ...more,
  type: "object",
  properties: { result: schema },
  required: ["result"]
})

describe("a tool's output schema", () => {
  it.each([[{ type: "object" }], [{ type: "object", properties: { a: { $ref: "#/x" } } }], [undefined], [5]])(
    "of an object, or that is none, stays as it is: %o",
    (schema) => {
      const tool = Json.encode({ name: "x", outputSchema: schema })
      assert.strictEqual(LegacyShapes.tool(tool), tool)
      assert.isFalse(LegacyShapes.wraps(tool))
    }
  )

  it.each([
    [{ type: "array", items: { type: "string" } }],
    [{ anyOf: [{ type: "string" }] }],
    [{}],
    [{ type: ["object", "null"] }]
  ])("of anything else is the schema of a member: %o", (schema) => {
    assert.deepStrictEqual(shown(schema).outputSchema, wrapped(schema))
    assert.isTrue(LegacyShapes.wraps(Json.encode({ outputSchema: schema })))
  })

  it("goes on referring to its own parts, and to nothing else otherwise", () => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      anyOf: [
        { $ref: "#" },
        { $ref: "#/$defs/a" },
        { $ref: "#name" },
        { $ref: "https://x/y#/z" },
        { $dynamicRef: "#/$defs/a" }
      ],
      $defs: {
        a: { properties: { $ref: { $ref: "#/$defs/b" }, enum: { $ref: "#" } } },
        b: { default: { $ref: "#/no" }, enum: [{ $ref: "#/no" }], const: { $ref: "#" } },
        c: { $id: "https://own", items: { $ref: "#/own" } },
        d: { $id: "#anchor", items: { $ref: "#/$defs/a" } }
      }
    }
    assert.deepStrictEqual(shown(schema).outputSchema, {
      $schema: schema.$schema,
      ...wrapped({
        ...schema,
        anyOf: [
          { $ref: "#/properties/result" },
          { $ref: "#/properties/result/$defs/a" },
          { $ref: "#name" },
          { $ref: "https://x/y#/z" },
          { $dynamicRef: "#/properties/result/$defs/a" }
        ],
        $defs: {
          ...schema.$defs,
          a: { properties: { $ref: { $ref: "#/properties/result/$defs/b" }, enum: { $ref: "#/properties/result" } } },
          d: { $id: "#anchor", items: { $ref: "#/properties/result/$defs/a" } }
        }
      })
    })
  })
})

describe("structured content", () => {
  const content = (value: unknown, isWrapped: boolean): unknown => {
    const result = { resultType: "complete", structuredContent: value, content: [] }
    const frame = Frame.read(Json.encode({ jsonrpc: "2.0", id: 1, result }))
    if (!Frame.isFrame(frame)) throw new Error(frame.malformed)
    const edited = Pieces.join(Json.splice(frame.bytes, Translate.toLegacy(frame, "tools/call", isWrapped)))
    return JSON.parse(Buffer.from(edited).toString()).result
  }

  it.each([
    [{ a: 1 }, false, { a: 1 }],
    [{ a: 1 }, true, { result: { a: 1 } }],
    [[1, 2], false, { result: [1, 2] }],
    [[1, 2], true, { result: [1, 2] }],
    ["text", false, { result: "text" }],
    [null, true, { result: null }]
  ])("%o of a tool that is shown wrapped or not (%s) is %o", (value, isWrapped, structuredContent) => {
    assert.deepStrictEqual(content(value, isWrapped), { structuredContent, content: [] })
  })
})
