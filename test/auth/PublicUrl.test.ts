import { assert, describe, it } from "@effect/vitest"
import * as PublicUrl from "../../src/auth/PublicUrl.ts"

const plain = PublicUrl.make("https://mcp.example.com", "")
const below = PublicUrl.make("https://example.com/outer", "/team")

describe("the public URL", () => {
  it("has an issuer without trailing slash, and a resource below it", () => {
    assert.strictEqual(plain.issuer, "https://mcp.example.com")
    assert.strictEqual(plain.resource, "https://mcp.example.com/mcp")
    assert.strictEqual(below.issuer, "https://example.com/outer/team")
    assert.strictEqual(below.resource, "https://example.com/outer/team/mcp")
    assert.strictEqual(PublicUrl.pathOf(below, "/consent"), "/outer/team/consent")
  })

  it.each([
    ["https://mcp.example.com/mcp", "https://mcp.example.com/mcp"],
    ["https://mcp.example.com/mcp/", "https://mcp.example.com/mcp"],
    ["HTTPS://MCP.example.com:443/mcp", "https://mcp.example.com/mcp"],
    ["https://mcp.example.com/mcp/github", "https://mcp.example.com/mcp/github"],
    ["https://mcp.example.com/mcp/github/", "https://mcp.example.com/mcp/github"]
  ])("knows the resource %s", (text, resource) => {
    assert.strictEqual(PublicUrl.canonicalResource(plain, text), resource)
  })

  it.each([
    "https://mcp.example.com",
    "https://mcp.example.com/",
    "https://mcp.example.com/MCP",
    "https://mcp.example.com/mcp2",
    "https://mcp.example.com/mcp/a/b",
    "https://mcp.example.com/mcp?x=1",
    "https://mcp.example.com/mcp#x",
    "https://u@mcp.example.com/mcp",
    "http://mcp.example.com/mcp",
    "https://mcp.example.com:8443/mcp",
    "https://evil.com/mcp",
    "https://mcp.example.com.evil.com/mcp",
    "mcp",
    ""
  ])("takes %s for no resource of ours", (text) => {
    assert.isUndefined(PublicUrl.canonicalResource(plain, text))
  })

  it("lets a token for all servers open each, and no other way round", () => {
    const all = plain.resource
    const github = PublicUrl.serverResource(plain, "github")
    const files = PublicUrl.serverResource(plain, "files")
    assert.isTrue(PublicUrl.audienceCovers(plain, all, all))
    assert.isTrue(PublicUrl.audienceCovers(plain, all, github))
    assert.isTrue(PublicUrl.audienceCovers(plain, github, github))
    assert.isFalse(PublicUrl.audienceCovers(plain, github, all))
    assert.isFalse(PublicUrl.audienceCovers(plain, github, files))
    assert.isFalse(PublicUrl.audienceCovers(plain, "https://evil.com/mcp", all))
  })
})
