/** Names that model APIs accept, the same everywhere and always; and hints for whoever mistyped one. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Names from "../../src/domain/Names.ts"
import { ServerId, slug } from "../../src/domain/ServerId.ts"

const anyName = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.string({ unit: "grapheme", maxLength: 100 }),
  fc.stringMatching(/^[a-z_]{50,90}$/u)
)
const serverName = fc.oneof(fc.string({ minLength: 1, maxLength: 100 }), fc.constantFrom("a", "github.com/x/y"))

describe("public names", () => {
  it("have at most 64 characters", () => {
    fc.assert(
      fc.property(serverName, anyName, (server, name) => {
        assert.isAtMost(Names.shorten(name).length, Names.MAX_LENGTH)
        assert.isAtMost(Names.prefixed(ServerId.make(server), name).length, Names.MAX_LENGTH)
      }),
      { numRuns: 500 }
    )
  })

  it("are the name itself where that fits", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 64 }), (name) => {
        assert.strictEqual(Names.shorten(name), name)
      })
    )
    assert.strictEqual(Names.prefixed(ServerId.make("fs"), "read_file"), "fs_read_file")
  })

  it("of two long names differ, also where the names begin alike", () => {
    const begin = "x".repeat(70)
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
        fc.pre(a !== b)
        assert.notStrictEqual(Names.shorten(begin + a), Names.shorten(begin + b))
      })
    )
  })

  it("are the same in every process and every version: saved permissions hang on them", () => {
    assert.strictEqual(
      Names.shorten("a_very_long_tool_name_that_goes_on_and_on_until_no_model_api_accepts_it"),
      "a_very_long_tool_name_that_goes_on_and_on_until_no_mode_ad6d980b"
    )
    assert.strictEqual(
      Names.prefixed(ServerId.make("github.com/a"), "t".repeat(64)),
      `github.com_a_${"t".repeat(42)}_0746d7fc`
    )
  })

  it("are well-formed text where the server's name is: they go through any client and come back", () => {
    fc.assert(
      fc.property(fc.nat({ max: 9 }), fc.string({ unit: "grapheme", maxLength: 10 }), (shift, rest) => {
        const name = `${"x".repeat(50 + shift)}${"😀".repeat(10)}${rest}`
        assert.isTrue(Names.shorten(name).isWellFormed(), JSON.stringify(Names.shorten(name)))
      })
    )
  })
})

describe("a server's name in others' names", () => {
  it.each([
    ["fs", "fs"],
    ["my-server.v1_2", "my-server.v1_2"],
    ["github.com/modelcontextprotocol/servers", "github.com_modelcontextprotocol_servers"],
    ["my server", "my_server"],
    ["名前", "__"],
    ["😀", "_"],
    ["a:b?c#d%", "a_b_c_d_"]
  ])("%s is %s", (name, expected) => {
    assert.strictEqual(slug(ServerId.make(name)), expected)
  })

  it("holds nothing that a name or a path may not hold", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (name) => {
        assert.match(slug(ServerId.make(name)), /^[A-Za-z0-9_.-]+$/u)
      })
    )
  })
})

describe("hints", () => {
  it.each([
    ["serch", ["search", "read"], ["search"]],
    ["SEARCH", ["search"], ["search"]],
    ["read_file", ["fs_read_file", "web_fetch"], ["fs_read_file"]],
    ["fs_read_file", ["read_file"], ["read_file"]],
    ["xyz", ["search", "read_file"], []],
    ["", [], []]
  ])("for %s among %j: %j", (name, candidates, expected) => {
    assert.deepStrictEqual(Names.nearest(name, candidates), expected)
  })

  it("are few, and the nearest comes first", () => {
    assert.deepStrictEqual(Names.nearest("toool", ["tool1", "tool", "tooool", "toool2", "other"], 2), [
      "tool",
      "tooool"
    ])
  })

  it("cost little, however long the name and however many the candidates", () => {
    let compared = 0
    const many = (function* () {
      for (let i = 0; i < 1_000_000; i++) {
        compared++
        yield `tool_${i}`
      }
    })()
    Names.nearest("tool", many)
    assert.isAtMost(compared, 2001)
    assert.deepStrictEqual(Names.nearest("x".repeat(129), ["x".repeat(128)]), [])
  })
})
