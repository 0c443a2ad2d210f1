/** Which version a build of a commit bears. */
import { assert, describe, it } from "@effect/vitest"
import { next } from "../../scripts/version.ts"

describe("the next version", () => {
  it("is that of package.json, where it is newer than every tag", () => {
    assert.strictEqual(next("4.0.0", [], []), "4.0.0")
    assert.strictEqual(next("4.1.0", ["v4.0.9", "v4.0.10"], []), "4.1.0")
    assert.strictEqual(next("10.0.0", ["v9.0.0"], []), "10.0.0")
  })

  it("is otherwise the last tag's with its patch raised", () => {
    assert.strictEqual(next("4.0.0", ["v4.0.0"], []), "4.0.1")
    assert.strictEqual(next("4.0.0", ["v4.0.10", "v4.0.9", "v3.9.20"], []), "4.0.11")
  })

  it("is the tag's, where the commit has one already", () => {
    assert.strictEqual(next("4.0.0", ["v4.0.0", "v4.0.1", "v4.0.2"], ["v4.0.1"]), "4.0.1")
  })

  it("is not moved by tags that are no versions", () => {
    assert.strictEqual(next("4.0.0", ["", "latest", "v5", "v4.0.1-beta.1"], ["", "nightly"]), "4.0.0")
  })

  it("cannot be told from a package.json that has none", () => {
    assert.throws(() => next("next", [], []), /not of the form 1\.2\.3/u)
  })
})
