/** What one server offers: read item by item as it said it, compared, kept once, and filtered. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Catalogue from "../../src/domain/Catalogue.ts"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"

const answer = (body: string, member = "result"): Frame.Frame => {
  const frame = Frame.read(Json.utf8(`{"jsonrpc":"2.0","id":1,"${member}":${body}}`))
  if (!Frame.isFrame(frame)) throw new Error(frame.malformed)
  return frame
}

const page = (body: string, kind: Catalogue.Kind = "tools"): Catalogue.Page => {
  const read = Catalogue.readPage(answer(body), kind)
  if (typeof read === "string") throw new Error(read)
  return read
}

const lists = (tools: ReadonlyArray<string>, prompts: ReadonlyArray<string> = []): Catalogue.Lists => ({
  ...Catalogue.empty.lists,
  tools: page(`{"tools":[${tools.map((name) => `{"name":"${name}"}`).join(",")}]}`).items,
  prompts: page(`{"prompts":[${prompts.map((name) => `{"name":"${name}"}`).join(",")}]}`, "prompts").items
})

describe("a page of a list", () => {
  it("has the items as their server wrote them, and says where each one's name stands", () => {
    const { items, nextCursor } = page('{"tools": [ {"x":1.0, "name":"a\\u0062"} ,{"name": "c"}],"nextCursor":"2"}')
    assert.deepStrictEqual(
      items.map(({ at, bytes, name }) => [name, Buffer.from(bytes).toString(), Json.text(bytes, at)]),
      [
        ["ab", '{"x":1.0, "name":"a\\u0062"}', '"a\\u0062"'],
        ["c", '{"name": "c"}', '"c"']
      ]
    )
    assert.strictEqual(nextCursor, "2")
  })

  it.each([
    ["tools", "name"],
    ["prompts", "name"],
    ["resources", "uri"],
    ["resourceTemplates", "uriTemplate"]
  ] as const)("%s are called by their %s", (kind, member) => {
    assert.deepStrictEqual(
      page(`{"${kind}":[{"name":"n","uri":"u","uriTemplate":"t"}]}`, kind).items.map(({ name }) => name),
      [{ name: "n", uri: "u", uriTemplate: "t" }[member]]
    )
  })

  it("leaves out items without a name, and goes on", () => {
    assert.deepStrictEqual(
      page('{"tools":[{"title":"x"},{"name":7},"text",null,{"name":"ok"},{}]}').items.map(({ name }) => name),
      ["ok"]
    )
  })

  it.each(['{"tools":[]}', '{"tools":[],"nextCursor":null}', '{"tools":[],"nextCursor":7}'])(
    "%s is the last page",
    (body) => {
      assert.isUndefined(page(body).nextCursor)
    }
  )

  it.each([
    ["no list", "{}"],
    ["a list that is an object", '{"tools":{}}'],
    ["a result that is no object", "[]"],
    ["an item that never ends", '{"tools":[{"name":"a]}'],
    ["an item that is no JSON", '{"tools":[{"name":nope}]}']
  ])("says what is wrong with %s", (_, body) => {
    const { bytes, result } = { bytes: Json.utf8(body), result: { start: 0, end: Json.utf8(body).length } }
    assert.isString(Catalogue.readPage({ ...answer("{}"), bytes, result }, "tools"))
  })

  it("says that an error is no page", () => {
    assert.isString(Catalogue.readPage(answer('{"code":-1,"message":"no"}', "error"), "tools"))
  })

  it("does not keep the answer alive that its items came in", () => {
    const frame = answer('{"tools":[{"name":"a"}]}')
    const read = Catalogue.readPage(frame, "tools")
    assert.isTrue(typeof read !== "string" && read.items[0]?.bytes.buffer !== frame.bytes.buffer)
  })
})

describe("catalogues", () => {
  it("differ in the lists in which any byte differs", () => {
    assert.deepStrictEqual(Catalogue.differences(lists(["a"]), lists(["a"])), [])
    assert.deepStrictEqual(Catalogue.differences(lists(["a"]), lists(["b"])), ["tools"])
    assert.deepStrictEqual(Catalogue.differences(lists(["a"]), lists(["a", "b"])), ["tools"])
    assert.deepStrictEqual(Catalogue.differences(lists(["a"], ["p"]), lists([], ["q"])), ["tools", "prompts"])
  })

  it("that are equal are one, of one server", () => {
    const shelf = new Catalogue.Shelf()
    const one = shelf.shelve(lists(["a"]))
    assert.strictEqual(shelf.shelve(lists(["a"])), one)
    const other = shelf.shelve(lists(["b"]))
    assert.notStrictEqual(other.version, one.version)
    assert.strictEqual(shelf.shelve(lists(["a"])), one)
    assert.notStrictEqual(new Catalogue.Shelf().shelve(lists(["a"])).version, one.version)
  })
})

describe("how much a server offers", () => {
  it.each([
    [[0, 0, 0, 0], "0 tools, 0 prompts, 0 resources"],
    [[1, 1, 1, 0], "1 tool, 1 prompt, 1 resource"],
    [[2, 3, 4, 5], "2 tools, 3 prompts, 9 resources"]
  ] as const)("%j of each list: %s", (lengths, expected) => {
    const item = { name: "x", bytes: new Uint8Array(), at: { start: 0, end: 0 } }
    const [tools, prompts, resources, resourceTemplates] = lengths
    const of = (length: number) => Array.from({ length }, () => item)
    const offer = {
      tools: of(tools),
      prompts: of(prompts),
      resources: of(resources),
      resourceTemplates: of(resourceTemplates)
    }
    assert.strictEqual(Catalogue.describe(Catalogue.counts(offer)), expected)
  })
})

describe("which tools are offered", () => {
  it("a pattern's * stands for any characters, and everything else for itself", () => {
    const part = fc.oneof(fc.constantFrom("a", "b", ".", "a.b", ""), fc.string({ maxLength: 3 }))
    const pattern = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("*"))
    const name = fc.oneof(fc.stringMatching(/^[ab.]{0,8}$/u), fc.string({ maxLength: 8 }))
    fc.assert(
      fc.property(pattern, name, (glob, text) => {
        const source = glob
          .split("*")
          .map((literal) => literal.replace(/[.+?^${}()|[\]\\/]/gu, "\\$&"))
          .join("[^]*")
        const expected = new RegExp(`^${source}$`).test(text)
        assert.strictEqual(Catalogue.isOffered(text, { enabledTools: [glob], disabledTools: [] }), expected)
        assert.strictEqual(Catalogue.isOffered(text, { enabledTools: undefined, disabledTools: [glob] }), !expected)
      }),
      { numRuns: 1000 }
    )
  })

  it.each([
    ["all, without filters", undefined, [], true],
    ["none, where none is enabled", [], [], false],
    ["an enabled one", ["read_*"], [], true],
    ["not one that is not enabled", ["write_*"], [], false],
    ["not a disabled one", undefined, ["*_file"], false],
    ["not one that is enabled and disabled", ["read_file"], ["read_file"], false],
    ["by whole names only", undefined, ["read", "file"], true],
    ["with case told apart", undefined, ["READ_FILE"], true]
  ])("%s", (_, enabledTools, disabledTools, expected) => {
    assert.strictEqual(Catalogue.isOffered("read_file", { enabledTools, disabledTools }), expected)
  })

  it("a hostile pattern takes no hostile time", () => {
    const pattern = `${"a*".repeat(2000)}b`
    assert.isFalse(Catalogue.isOffered("a".repeat(10_000), { enabledTools: [pattern], disabledTools: [] }))
  })
})
