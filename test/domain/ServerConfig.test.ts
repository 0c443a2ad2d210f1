/** Values of the configuration that may be secret. */
import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as ServerConfig from "../../src/domain/ServerConfig.ts"

describe("a text of the configuration", () => {
  it("that held a variable is passed on plainly and shown as redacted", () => {
    const secret = Redacted.make("s3cret")
    assert.strictEqual(ServerConfig.reveal(secret), "s3cret")
    assert.strictEqual(ServerConfig.display(secret), "<redacted>")
    assert.notInclude(JSON.stringify({ secret }) + String(secret), "s3cret")
  })

  it("that held none is shown as it is", () => {
    assert.strictEqual(ServerConfig.reveal("npx"), "npx")
    assert.strictEqual(ServerConfig.display("npx"), "npx")
  })
})
