/** The lists of several servers merged: every name leads back to whose it is, and whether a server is up changes none. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { KINDS, type Item, type Kind, LIST, type Lists } from "../../src/domain/Catalogue.ts"
import * as Json from "../../src/domain/Json.ts"
import { MAX_LENGTH } from "../../src/domain/Names.ts"
import type { Naming } from "../../src/domain/ServerConfig.ts"
import { ServerId, slug } from "../../src/domain/ServerId.ts"
import * as View from "../../src/domain/View.ts"

const item = (kind: Kind, name: string): Item => {
  const head = `{"vendor": [1.50], "${LIST[kind].name}" : `
  const text = JSON.stringify(name)
  const bytes = Json.utf8(`${head}${text}, "x":"${"y".repeat(3)}"}`)
  return { name, bytes, at: { start: head.length, end: head.length + Json.utf8(text).length } }
}

const lists = (names: Partial<Record<Kind, ReadonlyArray<string>>>): Lists => ({
  tools: (names.tools ?? []).map((name) => item("tools", name)),
  prompts: (names.prompts ?? []).map((name) => item("prompts", name)),
  resources: (names.resources ?? []).map((name) => item("resources", name)),
  resourceTemplates: (names.resourceTemplates ?? []).map((name) => item("resourceTemplates", name))
})

const part = (server: string, names: Partial<Record<Kind, ReadonlyArray<string>>>): View.Part => ({
  server: ServerId.make(server),
  catalogue: { version: 1, lists: lists(names) }
})

const names = (entries: ReadonlyArray<View.Entry>): ReadonlyArray<string> => entries.map(({ name }) => name)

const byText = (entry: View.Entry): unknown => JSON.parse(Buffer.from(entry.bytes).toString())

/** Names made to collide: few letters, underscores, and some that are too long. */
const toolName = fc.oneof(
  fc.stringMatching(/^[ab_]{1,4}$/u),
  fc.string({ minLength: 1, maxLength: 80 }),
  fc.stringMatching(/^[a-c]{1,3}$/u).map((tail) => "long_".repeat(14) + tail)
)
const someNames = fc.array(toolName, { maxLength: 6 })
const offer = fc.record({ tools: someNames, prompts: someNames, resources: someNames, resourceTemplates: someNames })

/** Server names as a configuration admits them: no two give one slug. */
const parts = fc
  .uniqueArray(fc.tuple(fc.oneof(fc.stringMatching(/^[ab_]{1,3}$/u), fc.constantFrom("a.b", "c/d", "x y")), offer), {
    minLength: 1,
    maxLength: 5,
    selector: ([name]) => slug(ServerId.make(name)).toLowerCase()
  })
  .map((all) => all.map(([name, offered]) => part(name, offered)))

const naming = fc.constantFrom<Naming>("auto", "always", "collisions")

describe("a merged view", () => {
  it("gives every item of every server a name of at most 64 characters that leads back to it, or reports its collision", () => {
    fc.assert(
      fc.property(parts, naming, (all, how) => {
        const view = View.merge(all, View.schemeFor(how, all.length))
        const servers = all.map(({ server }) => server)
        const scheme = View.schemeFor(how, all.length)
        for (const kind of KINDS) {
          const entries = view.lists[kind]
          assert.strictEqual(new Set(names(entries)).size, entries.length)
          const offered = all.reduce((sum, { catalogue }) => sum + catalogue.lists[kind].length, 0)
          const isUri = kind === "resources" || kind === "resourceTemplates"
          if (!isUri) assert.isTrue(entries.every(({ name }) => name.length <= MAX_LENGTH))
          for (const entry of entries) {
            if (kind === "tools" || kind === "prompts") {
              assert.strictEqual(view.byName[kind].get(entry.name), entry)
            } else if (scheme.uris === "prefixed" || servers.length === 1) {
              assert.deepStrictEqual(View.resourceOwner(servers, scheme, entry.name), {
                server: entry.server,
                uri: entry.original
              })
            }
            const source = all.find(({ server }) => server === entry.server)?.catalogue.lists[kind]
            assert.isTrue(source?.some(({ name }) => name === entry.original))
          }
          assert.isAtMost(entries.length, offered)
        }
        const offered = all.flatMap(({ catalogue }) => KINDS.map((kind) => catalogue.lists[kind].length))
        const shown = KINDS.map((kind) => view.lists[kind].length)
        const sum = (counts: ReadonlyArray<number>): number => counts.reduce((a, b) => a + b, 0)
        assert.strictEqual(sum(shown) + view.collisions.length, sum(offered))
        for (const { hidden, kept, name } of view.collisions) {
          const keeper = KINDS.flatMap((kind) => view.lists[kind]).filter((entry) => entry.name === name)
          assert.include(
            keeper.map(({ server }) => server),
            kept
          )
          assert.include(servers, hidden)
        }
      }),
      { numRuns: 500 }
    )
  })

  it("shows every item as its server wrote it, the name alone replaced", () => {
    fc.assert(
      fc.property(parts, naming, (all, how) => {
        const view = View.merge(all, View.schemeFor(how, all.length))
        for (const kind of KINDS) {
          for (const entry of view.lists[kind]) {
            const text = Buffer.from(entry.bytes).toString()
            assert.strictEqual(
              text,
              `{"vendor": [1.50], "${LIST[kind].name}" : ${JSON.stringify(entry.name)}, "x":"yyy"}`
            )
          }
        }
      })
    )
  })

  it("keeps the order: servers as configured, items as their server lists them", () => {
    const view = View.merge(
      [part("b", { tools: ["z", "a"] }), part("a", { tools: ["y", "b"] })],
      View.schemeFor("auto", 2)
    )
    assert.deepStrictEqual(names(view.lists.tools), ["b_z", "b_a", "a_y", "a_b"])
  })

  it("of two items that claim one name, the first configured server's has it", () => {
    const view = View.merge(
      [part("a", { tools: ["b_x"] }), part("a_b", { tools: ["x", "y"] })],
      View.schemeFor("auto", 2)
    )
    assert.deepStrictEqual(names(view.lists.tools), ["a_b_x", "a_b_y"])
    assert.strictEqual(view.byName.tools.get("a_b_x")?.server, "a")
    assert.deepStrictEqual(view.collisions, [{ name: "a_b_x", kept: ServerId.make("a"), hidden: ServerId.make("a_b") }])
  })

  it("a tool and a prompt may have one name", () => {
    const view = View.merge([part("a", { tools: ["x"], prompts: ["x"] })], View.plain)
    assert.deepStrictEqual(view.collisions, [])
    assert.strictEqual(view.byName.prompts.get("x")?.original, "x")
  })
})

describe("whether a server is up", () => {
  it("changes no name of another: its items are simply not there", () => {
    const each = fc.uniqueArray(fc.stringMatching(/^[xyz]{1,3}$/u), { maxLength: 5 })
    const two = fc.tuple(
      each.map((tools) => part("one", { tools, resources: tools.map((name) => `data://${name}`) })),
      each.map((tools) => part("two", { tools, resources: tools.map((name) => `data://${name}`) }))
    )
    fc.assert(
      fc.property(two, fc.constantFrom<Naming>("auto", "always"), ([one, other], how) => {
        const scheme = View.schemeFor(how, 2)
        const both = View.merge([one, other], scheme)
        const down = View.merge([one, part("two", {})], scheme)
        const missing = View.merge([one], scheme)
        for (const kind of KINDS) {
          const own = both.lists[kind].filter(({ server }) => server === "one")
          assert.deepStrictEqual(down.lists[kind], own)
          assert.deepStrictEqual(missing.lists[kind], own)
        }
      })
    )
  })

  it("plays no part in the choice between prefixed and plain names: the number of enabled servers does", () => {
    assert.deepStrictEqual(View.schemeFor("auto", 1), { names: "plain", uris: "plain" })
    assert.deepStrictEqual(View.schemeFor("auto", 0), { names: "plain", uris: "plain" })
    assert.deepStrictEqual(View.schemeFor("auto", 2), { names: "prefixed", uris: "prefixed" })
    assert.deepStrictEqual(View.schemeFor("always", 1), { names: "prefixed", uris: "prefixed" })
    assert.deepStrictEqual(View.schemeFor("collisions", 2), { names: "collisions", uris: "prefixed" })
    assert.deepStrictEqual(View.schemeFor("collisions", 1), { names: "plain", uris: "plain" })
  })
})

describe("naming", () => {
  it("auto: one server's names are its own, several servers' bear their prefix", () => {
    const one = part("fs", { tools: ["read"], resources: ["file:///x"], resourceTemplates: ["file:///{p}"] })
    const alone = View.merge([one], View.schemeFor("auto", 1))
    assert.deepStrictEqual(names(alone.lists.tools), ["read"])
    assert.deepStrictEqual(names(alone.lists.resources), ["file:///x"])
    const among = View.merge([one, part("other", {})], View.schemeFor("auto", 2))
    assert.deepStrictEqual(names(among.lists.tools), ["fs_read"])
    assert.deepStrictEqual(names(among.lists.resources), ["file://fs/x"])
    assert.deepStrictEqual(names(among.lists.resourceTemplates), ["file://fs/{p}"])
  })

  it("collisions: only names that several servers have bear a prefix, and then all of them", () => {
    const view = View.merge(
      [part("a", { tools: ["x", "own"], prompts: ["x"] }), part("b", { tools: ["x", "else"] })],
      View.schemeFor("collisions", 2)
    )
    assert.deepStrictEqual(names(view.lists.tools), ["a_x", "own", "b_x", "else"])
    assert.deepStrictEqual(names(view.lists.prompts), ["x"])
    assert.deepStrictEqual(view.collisions, [])
  })

  it("a name that is shortened says the same everywhere, and its item bears the short name", () => {
    const long = "read_".repeat(20)
    const view = View.merge([part("fs", { tools: [long] })], View.plain)
    const [entry] = view.lists.tools
    assert.strictEqual(entry?.name.length, MAX_LENGTH)
    assert.strictEqual(entry?.original, long)
    assert.strictEqual(entry === undefined ? undefined : (byText(entry) as { name: string }).name, entry?.name)
  })
})

describe("a name whose server has not said yet what it offers", () => {
  const servers = ["a", "a_b", "c/d"].map((name) => ServerId.make(name))

  it.each([
    ["a_x", "a"],
    ["a_b_x", "a_b"],
    ["c_d_x", "c/d"],
    ["x", undefined],
    ["ab_x", undefined]
  ])("%s belongs to %s by its prefix", (name, expected) => {
    assert.strictEqual(View.serverByPrefix(servers, name), expected)
  })
})
