/** Variables in the values of the configuration: three forms, an escape, and nothing expanded twice. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Expansion from "../../src/config/Expansion.ts"

const VARIABLES: Readonly<Record<string, string>> = {
  NAME: "value",
  OTHER: "other",
  EMPTY: "",
  _x9: "underscore",
  NESTED: "${NAME} $${NAME}",
  DOLLAR: "$&$1$$"
}

const lookup = (name: string): string | undefined => (Object.hasOwn(VARIABLES, name) ? VARIABLES[name] : undefined)

const expand = (text: string): Expansion.Expanded => Expansion.expand(text, lookup)

describe("what becomes of a text", () => {
  it.each([
    ["plain", "plain"],
    ["", ""],
    ["${NAME}", "value"],
    ["a ${NAME} b ${OTHER} c", "a value b other c"],
    ["${NAME}${NAME}", "valuevalue"],
    ["${env:NAME}", "value"],
    ["${_x9}", "underscore"],
    ["${NAME:-default}", "value"],
    ["${MISSING:-default}", "default"],
    ["${env:MISSING:-default}", "default"],
    ["${MISSING:-}", ""],
    ["${MISSING:-a:-b}", "a:-b"],
    ["${MISSING:-two words\nand a line}", "two words\nand a line"],
    ["${MISSING:-http://localhost:8080/x?y=1}", "http://localhost:8080/x?y=1"],
    ["${EMPTY}", ""],
    ["${EMPTY:-default}", "default"],
    ["$${NAME}", "${NAME}"],
    ["$${NAME} ${NAME}", "${NAME} value"],
    ["a$${b", "a${b"],
    ["$NAME %NAME% {NAME} $ $$ $()", "$NAME %NAME% {NAME} $ $$ $()"],
    ["${DOLLAR}", "$&$1$$"],
    ["${NESTED}", "${NAME} $${NAME}"],
    ["${MISSING:-{}}", "{}"],
    ['x${MISSING:-{"a":1}}y', 'x{"a":1}y']
  ])("%s becomes %s", (text, expected) => {
    const expanded = expand(text)
    assert.strictEqual(expanded.text, expected)
    assert.deepStrictEqual(expanded.missing, [])
  })

  it("what comes out of a variable is not looked at again, whatever it holds", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom("${NAME}", "$${NAME}", "$&", "$1", "$`")), (value) => {
        const { missing, text } = Expansion.expand("<${X}|${Y:-d}>", () => value)
        assert.strictEqual(text, `<${value}|${value === "" ? "d" : value}>`)
        assert.deepStrictEqual(missing, [])
      })
    )
  })

  it("a text without a dollar and a brace stays as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        fc.pre(!text.includes("${"))
        assert.deepStrictEqual(expand(text), { text, fromVariables: false, missing: [] })
      })
    )
  })
})

describe("what may be a secret", () => {
  it.each([
    ["${NAME}", true],
    ["x ${env:NAME} y", true],
    ["${MISSING:-default}", true],
    ["${MISSING}", true],
    ["plain", false],
    ["$${NAME}", false]
  ])("%s: %s", (text, expected) => {
    assert.strictEqual(expand(text).fromVariables, expected)
  })
})

describe("what cannot be resolved", () => {
  it("a variable that is not set is named, each time", () => {
    const { missing } = expand("${MISSING} ${env:GONE}")
    assert.deepStrictEqual(missing, ["the variable MISSING is not set", "the variable GONE is not set"])
  })

  it.each([
    "${file:/run/secrets/x}",
    "${input:api-key}",
    "${cmd: echo x}",
    "${NAME-default}",
    "${NAME:=default}",
    "${NAME:?message}",
    "${}",
    "${ NAME }",
    "${1}",
    "${a.b}",
    "${secrets.X}",
    "${env:}"
  ])("the form %s is complained of, with the forms that are understood", (text) => {
    const { missing } = expand(text)
    assert.strictEqual(missing.length, 1)
    assert.include(missing[0], text)
    assert.include(missing[0], "${VAR:-default}")
  })

  it.each(["${NAME", "x ${", "${MISSING:-{{}}}", "${MISSING:-${NAME}}", "${NAME:-${NAME}}", "${${NAME}}"])(
    "a reference that is not understood is complained of, whatever its variable holds: %s",
    (text) => {
      assert.strictEqual(expand(text).missing.length, 1)
    }
  )
})
