/** What a request says in its headers too, and which tools cannot say it. */
import { assert, describe, it } from "@effect/vitest"
import type * as Catalogue from "../../src/domain/Catalogue.ts"
import * as HeaderText from "../../src/domain/HeaderText.ts"
import * as Json from "../../src/domain/Json.ts"
import * as MirroredHeaders from "../../src/upstream/MirroredHeaders.ts"

const tool = (name: string, properties: object, more: object = {}): Catalogue.Item => ({
  name,
  bytes: Json.encode({ name, inputSchema: { type: "object", properties, ...more } }),
  at: { start: 8, end: 8 + name.length + 2 }
})

const sql = tool("sql", {
  region: { type: "string", "x-mcp-header": "Region" },
  limit: { type: "integer", "x-mcp-header": "Limit" },
  dry: { type: "boolean", "x-mcp-header": "Dry" },
  where: { type: "object", properties: { zone: { type: "string", "x-mcp-header": "Zone" } } },
  query: { type: "string" }
})

describe("the headers of a request", () => {
  it("name its method and its target", () => {
    assert.deepStrictEqual(MirroredHeaders.of({ method: "tools/list" }, []), { "mcp-method": "tools/list" })
    assert.deepStrictEqual(MirroredHeaders.of({ method: "resources/read", target: "file:///a b" }, []), {
      "mcp-method": "resources/read",
      "mcp-name": "file:///a b"
    })
  })

  it("say what the tool's schema wants said of the arguments, and nothing of what is absent", () => {
    const given = { region: "us", limit: 42, dry: false, where: { zone: " padded " }, query: "SELECT" }
    assert.deepStrictEqual(MirroredHeaders.of({ method: "tools/call", target: "sql", arguments: () => given }, [sql]), {
      "mcp-method": "tools/call",
      "mcp-name": "sql",
      "mcp-param-region": "us",
      "mcp-param-limit": "42",
      "mcp-param-dry": "false",
      "mcp-param-zone": "=?base64?IHBhZGRlZCA=?="
    })
    for (const absent of [undefined, {}, { region: null, where: "x" }, "text"]) {
      assert.deepStrictEqual(
        Object.keys(MirroredHeaders.of({ method: "tools/call", target: "sql", arguments: () => absent }, [sql])),
        ["mcp-method", "mcp-name"]
      )
    }
  })

  it("carry any text: as it is where that is safe, else in Base64", () => {
    const rows = [
      ["us-west1", "us-west1"],
      ["Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="],
      ["line1\nline2", "=?base64?bGluZTEKbGluZTI=?="],
      ["=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="],
      ["a\tb", "a\tb"],
      ["", "=?base64??="]
    ] as const
    for (const [value, encoded] of rows) assert.strictEqual(HeaderText.encode(value), encoded)
  })
})

describe("a tool", () => {
  const annotated = (header: unknown, type = "string") => ({ type, "x-mcp-header": header })
  const rows: ReadonlyArray<readonly [string, Catalogue.Item, RegExp]> = [
    ["with an empty name", tool("t", { a: annotated("") }), /not a header's name/u],
    ["with a name that is none", tool("t", { a: annotated("a b") }), /not a header's name/u],
    ["with a name that is no text", tool("t", { a: annotated(7) }), /not a header's name/u],
    ["with a name twice", tool("t", { a: annotated("A"), b: annotated("a") }), /stands twice/u],
    ["with a number", tool("t", { a: annotated("A", "number") }), /of a type/u],
    ["with an object", tool("t", { a: annotated("A", "object") }), /of a type/u],
    ["within a list", tool("t", { a: { type: "array", items: annotated("A") } }), /no argument can be/u],
    ["within a choice", tool("t", {}, { anyOf: [{ properties: { a: annotated("A") } }] }), /no argument can be/u],
    ["within a definition", tool("t", {}, { $defs: { d: annotated("A") } }), /no argument can be/u],
    ["at the root", tool("t", {}, annotated("A", "object")), /no argument can be/u]
  ]
  for (const [what, item, fault] of rows) {
    it(`${what} cannot be called over HTTP`, () => assert.match(MirroredHeaders.fault(item) ?? "", fault))
  }

  it("without annotations, or with good ones, or with data that looks like them can", () => {
    const data = { a: { type: "object", default: { "x-mcp-header": "" }, enum: [{ "x-mcp-header": "" }] } }
    for (const item of [sql, tool("t", {}), tool("t", data), tool("t", { "x-mcp-header": { type: "string" } })]) {
      assert.isUndefined(MirroredHeaders.fault(item))
    }
  })
})
