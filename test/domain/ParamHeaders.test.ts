/** Which arguments headers mirror, and what is wrong with those that do not. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Json from "../../src/domain/Json.ts"
import * as ParamHeaders from "../../src/domain/ParamHeaders.ts"

const annotated = (header: string, type: string) => ({ type, "x-mcp-header": header })

const declared = ParamHeaders.declarations({
  type: "object",
  properties: {
    region: annotated("Region", "string"),
    limit: annotated("Limit", "integer"),
    dry: annotated("Dry", "boolean"),
    where: { type: "object", properties: { zone: annotated("Zone", "string") } }
  }
})
if (typeof declared === "string") throw new Error(declared)

describe("an annotation", () => {
  it.each([
    ["a definition that is named as a keyword of data is", { $defs: { default: annotated("A", "string") } }],
    ["a definition that is named properties is", { $defs: { properties: annotated("A", "string") } }],
    ["a pattern of properties", { patternProperties: { "^a": annotated("A", "string") } }],
    ["a condition", { if: { properties: { a: annotated("A", "string") } } }],
    ["properties of items", { properties: { a: { items: { properties: { b: annotated("A", "string") } } } } }]
  ])("in %s spoils the schema", (_, schema) => {
    assert.strictEqual(ParamHeaders.declarations(schema), `x-mcp-header "A" stands where no argument can be`)
  })

  it.each(["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"])(
    "is not what %s merely calls by its name",
    (keyword) => assert.deepStrictEqual(ParamHeaders.declarations({ [keyword]: { "x-mcp-header": {} } }), [])
  )

  it("is found however deep the schema goes, and refused below any argument", () => {
    const deep = (levels: number, open: string, close: string) =>
      `${open.repeat(levels)}{"type":"string","x-mcp-header":"A"}${close.repeat(levels)}`
    const within = (schema: string) => ParamHeaders.ofTool({ bytes: Json.utf8(`{"inputSchema":${schema}}`) })
    const refused = `x-mcp-header "A" stands where no argument can be`
    assert.strictEqual(within(deep(50_000, `{"items":`, "}")), refused)
    assert.strictEqual(within(deep(50_000, `{"properties":{"a":`, "}}")), refused)
    assert.deepStrictEqual(within(deep(10, `{"properties":{"a":`, "}}"))[0] as unknown, {
      path: Array.from({ length: 10 }, () => "a"),
      header: "mcp-param-a",
      isInteger: false
    })
  })
})

const maybe = <A>(value: fc.Arbitrary<A>) => fc.option(value, { nil: null })
const calls = fc.record(
  {
    region: maybe(fc.string({ unit: "binary" })),
    limit: maybe(fc.maxSafeInteger()),
    dry: maybe(fc.boolean()),
    where: fc.record({ zone: maybe(fc.string()) }, { requiredKeys: [] })
  },
  { requiredKeys: [] }
)

describe("the headers of a call", () => {
  it("match the arguments that they were made from, and no call from which one of them differs", () => {
    fc.assert(
      fc.property(calls, (given) => {
        const headers = Object.fromEntries(ParamHeaders.headersFor(declared, given))
        assert.isUndefined(ParamHeaders.mismatch(declared, headers, given))
        for (const { header } of declared) {
          const changed = { ...headers, [header]: headers[header] === undefined ? "x" : undefined }
          assert.include(ParamHeaders.mismatch(declared, changed, given), header)
        }
      }),
      { numRuns: 1000 }
    )
  })

  it.each([
    ["an integer", { "mcp-param-limit": "42" }, { limit: 42 }],
    ["an integer with a fraction of nothing", { "mcp-param-limit": "42.0" }, { limit: 42 }],
    ["a text in Base64 that did not need it", { "mcp-param-region": "=?base64?dXM=?=" }, { region: "us" }],
    ["blanks around a value", { "mcp-param-region": " us\t" }, { region: "us" }],
    ["headers that no annotation asks for", { "mcp-param-other": "x" }, {}],
    ["an argument of another type, which the schema refuses", {}, { region: ["us"], limit: 1.5 }],
    ["no arguments", {}, undefined]
  ])("are right with %s", (_, headers, given) => {
    assert.isUndefined(ParamHeaders.mismatch(declared, headers, given))
  })

  it.each([
    ["missing", {}, { region: "us" }, "is missing"],
    ["missing further in", {}, { where: { zone: "a" } }, "is missing"],
    ["of an argument that is absent", { "mcp-param-region": "us" }, {}, "mirrors no argument"],
    ["of an argument that is null", { "mcp-param-region": "null" }, { region: null }, "mirrors no argument"],
    ["another text", { "mcp-param-region": "eu" }, { region: "us" }, "differs from the argument region"],
    ["a text in another case", { "mcp-param-region": "US" }, { region: "us" }, "differs from the argument region"],
    ["another integer", { "mcp-param-limit": "43" }, { limit: 42 }, "differs from the argument limit"],
    ["an integer in hexadecimal", { "mcp-param-limit": "0x2a" }, { limit: 42 }, "differs from the argument limit"],
    [
      "an integer but for what numbers round",
      { "mcp-param-limit": "42.00000000000000000001" },
      { limit: 42 },
      "differs"
    ],
    ["an integer too large to be exact", { "mcp-param-limit": "9007199254740993" }, { limit: 2 ** 53 }, "differs"],
    ["an integer too large, to the letter", { "mcp-param-limit": "9007199254740992" }, { limit: 2 ** 53 }, "differs"],
    ["equal to a text as numbers are", { "mcp-param-limit": "42.0" }, { limit: "42" }, "differs"],
    ["a boolean in another case", { "mcp-param-dry": "True" }, { dry: true }, "differs from the argument dry"],
    ["one of a list", { "mcp-param-region": "us" }, { region: ["us"] }, "differs from the argument region"],
    ["Base64 that is none", { "mcp-param-region": "=?base64?d!M=?=" }, { region: "us" }, "invalid"],
    ["Base64 that is none, of nothing", { "mcp-param-region": "=?base64?d!M=?=" }, {}, "invalid"],
    ["beyond ASCII", { "mcp-param-region": "\u{e9}" }, { region: "\u{e9}" }, "invalid"]
  ])("are wrong where one is %s", (_, headers, given, fault) => {
    assert.include(ParamHeaders.mismatch(declared, headers, given), fault)
  })
})
