/** Which build this is. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as Version from "../../src/observability/Version.ts"

describe("the version", () => {
  it("is that of the package", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      readonly version: string
    }
    assert.strictEqual(Version.VERSION, manifest.version)
    assert.strictEqual(Version.DESCRIPTION, `${manifest.version} (from source)`)
  })
})
