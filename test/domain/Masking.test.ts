/** Arguments fit to be kept: what stands under a key that sounds like a secret does not come through, whatever it is. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { MASK, masking } from "../../src/domain/Masking.ts"

const words = ["password", "api_key", "token"]
const mask = masking(words)

/** Keys that sound like one of the words: in any case, with any punctuation, with something before and after. */
const secretKey = fc
  .tuple(
    fc.constantFrom(...words),
    fc.string({ maxLength: 4 }),
    fc.string({ maxLength: 4 }),
    fc.array(fc.tuple(fc.boolean(), fc.constantFrom("", "_", "-", ".", " ")), { minLength: 8, maxLength: 8 })
  )
  .map(([word, before, after, dress]) => {
    const letters = [...word.replace("_", "")].map((letter, index) => {
      const [isUpper, punctuation] = dress[index % dress.length] ?? [false, ""]
      return `${isUpper ? letter.toUpperCase() : letter}${punctuation}`
    })
    return `${before}${letters.join("")}${after}`
  })

const SECRET = "s3cr3t"

/** JSON in which the secret stands somewhere below secret keys, and nowhere else. */
const withSecrets = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, fc.integer(), fc.constant("plain"), tie("list"), tie("record")),
  list: fc.array(tie("value"), { maxLength: 3 }),
  record: fc
    .tuple(
      fc.dictionary(fc.constantFrom("a", "path", "query"), tie("value"), { maxKeys: 2 }),
      fc.dictionary(secretKey, fc.constantFrom(SECRET, [SECRET], { a: { b: SECRET } }), { maxKeys: 2 })
    )
    .map(([open, closed]) => Object.assign(open, closed))
})).value

describe("masking", () => {
  it("lets no secret through, however its key is written and however deep it lies", () => {
    fc.assert(
      fc.property(withSecrets, (value) => {
        assert.notInclude(JSON.stringify(mask(value)), SECRET)
      })
    )
  })

  it("changes nothing else, and not the value that it was given", () => {
    const open = fc
      .jsonValue({ maxDepth: 5 })
      .filter((value) => !/password|api.?key|token/iu.test(JSON.stringify(value)))
    fc.assert(
      fc.property(open, (value) => {
        const before = JSON.stringify(value)
        assert.strictEqual(JSON.stringify(mask(value)), before)
        assert.strictEqual(JSON.stringify(value), before)
      })
    )
  })

  it("keeps the keys, so that one sees what there was", () => {
    assert.deepStrictEqual(mask({ user: "ada", "X-Api-Key": "k", nested: [{ userToken: { a: 1 } }] }), {
      user: "ada",
      "X-Api-Key": MASK,
      nested: [{ userToken: MASK }]
    })
  })

  it("judges a key the same each time, however many it has seen", () => {
    for (let index = 0; index < 5000; index++) mask({ [`key ${index}`]: 1 })
    for (let round = 0; round < 2; round++) {
      for (const key of ["token", "key 1", "another token", "x".repeat(1000)]) {
        assert.deepStrictEqual(mask({ [key]: 1 }), { [key]: key.includes("token") ? MASK : 1 })
      }
    }
  })

  it("of nothing masks nothing", () => {
    assert.deepStrictEqual(masking(["", "-"])({ token: "x" }), { token: "x" })
  })

  it("ends where nesting makes no sense", () => {
    let value: unknown = SECRET
    for (let depth = 0; depth < 10_000; depth++) value = { a: value }
    assert.notInclude(JSON.stringify(mask(value)), SECRET)
  })
})
