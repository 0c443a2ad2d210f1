/** The addresses that clients are told. */
import { assert, describe, it } from "@effect/vitest"
import { ServerId } from "../../src/domain/ServerId.ts"
import * as Address from "../../src/http/Address.ts"

const address: Address.AddressOptions = { host: "0.0.0.0", port: 8080, baseUrl: "https://h", pathPrefix: "/team-a" }

describe("an address", () => {
  it("of the merged endpoint is below the prefix", () => {
    assert.strictEqual(Address.endpointUrl(address), "https://h/team-a/mcp")
    assert.strictEqual(Address.endpointUrl({ ...address, pathPrefix: "" }), "https://h/mcp")
  })

  it.each([
    ["fs", "https://h/team-a/mcp/fs"],
    ["github.com/x", "https://h/team-a/mcp/github.com_x"],
    ["名前", "https://h/team-a/mcp/__"]
  ])("of %s's own endpoint is %s", (server, expected) => {
    assert.strictEqual(Address.serverUrl(address, ServerId.make(server)), expected)
  })
})
