/** What is kept of arguments: no secret under a key that names one, and everything else as it was. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { settings } from "../../src/access/AuditSettings.ts"
import { MASK, masking } from "../../src/domain/Masking.ts"

const mask = masking(settings.mask.absent)

describe("a secret", () => {
  it.each([
    "password",
    "Password",
    "db_password",
    "API_KEY",
    "apiKey",
    "x-api-key",
    "accessToken",
    "client-secret",
    "Authorization",
    "private_key",
    "Cookie"
  ])("under %s is masked, whatever it is", (key) => {
    for (const secret of ["s3cr3t", 42, null, ["s3cr3t"], { inner: "s3cr3t" }]) {
      assert.deepStrictEqual(mask({ [key]: secret }), { [key]: MASK })
    }
  })

  it("is masked at any depth, in objects and in lists", () => {
    assert.deepStrictEqual(mask({ a: [{ b: { token: "x", c: 1 } }] }), { a: [{ b: { token: MASK, c: 1 } }] })
  })

  it("never appears, wherever in a value a key that names it stands", () => {
    const secret = "5ecret-value"
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(1, true, null, "text"),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(fc.string(), tie("tree"), { maxKeys: 3 }),
        fc
          .tuple(fc.string(), fc.constantFrom("PassWord", "to_ken", "SECRET", "api-Key"), fc.string(), tie("tree"))
          .map(([before, word, after, other]) => ({
            [`${before}${word}${after}`]: [secret, { deeper: secret }],
            [`${after}x`]: other
          }))
      )
    }))
    fc.assert(
      fc.property(tree, (value) => {
        assert.notInclude(JSON.stringify(mask(value)), secret)
      })
    )
  })
})

describe("everything else", () => {
  it("stays as it is, and the value itself untouched", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const before = JSON.stringify(value)
        assert.strictEqual(JSON.stringify(masking([])(value)), before)
        mask(value)
        assert.strictEqual(JSON.stringify(value), before)
      })
    )
  })

  it("is not kept where it is nested beyond measure", () => {
    const deep = JSON.parse(`${"[".repeat(5000)}"x"${"]".repeat(5000)}`) as unknown
    assert.notInclude(JSON.stringify(mask(deep)), "x")
  })

  it("does not become a prototype", () => {
    const copy = mask(JSON.parse('{"__proto__": {"polluted": true}}')) as Record<string, unknown>
    assert.isUndefined(copy["polluted"])
    assert.strictEqual(JSON.stringify(copy), '{"__proto__":{"polluted":true}}')
  })
})
