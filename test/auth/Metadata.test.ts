import { assert, describe, it } from "@effect/vitest"
import * as Challenge from "../../src/auth/Challenge.ts"
import * as Metadata from "../../src/auth/Metadata.ts"
import * as PublicUrl from "../../src/auth/PublicUrl.ts"

const plain = PublicUrl.make("https://mcp.example.com", "")
const outer = PublicUrl.make("https://example.com/outer", "")
const prefixed = PublicUrl.make("https://example.com", "/team")

const what = (url: PublicUrl.PublicUrl, path: string): string => {
  const document = Metadata.at(url, path)
  if (document === undefined) return "nothing"
  return "resource" in document ? String(document["resource"]) : "server"
}

describe("metadata", () => {
  it.each([
    ["/.well-known/oauth-authorization-server", "server"],
    ["/.well-known/oauth-authorization-server/mcp", "server"],
    ["/.well-known/oauth-authorization-server/mcp/github", "server"],
    ["/.well-known/openid-configuration", "server"],
    ["/.well-known/openid-configuration/mcp", "server"],
    ["/mcp/.well-known/openid-configuration", "server"],
    ["/.well-known/oauth-protected-resource", "https://mcp.example.com/mcp"],
    ["/.well-known/oauth-protected-resource/", "https://mcp.example.com/mcp"],
    ["/.well-known/oauth-protected-resource/mcp", "https://mcp.example.com/mcp"],
    ["/.well-known/oauth-protected-resource/mcp/", "https://mcp.example.com/mcp"],
    ["/.well-known/oauth-protected-resource/mcp/github", "https://mcp.example.com/mcp/github"],
    ["/.well-known/oauth-protected-resource/other", "nothing"],
    ["/.well-known/oauth-protected-resource/mcp/a/b", "nothing"],
    ["/.well-known/oauth-authorization-server-x", "nothing"],
    ["/.well-known/security.txt", "nothing"]
  ])("at %s is %s", (path, expected) => {
    assert.strictEqual(what(plain, path), expected)
  })

  it.each([
    ["/.well-known/oauth-authorization-server/outer", "server"],
    ["/.well-known/oauth-authorization-server", "server"],
    ["/.well-known/openid-configuration", "server"],
    ["/.well-known/oauth-protected-resource/outer/mcp", "https://example.com/outer/mcp"],
    ["/.well-known/oauth-protected-resource/mcp", "https://example.com/outer/mcp"],
    ["/.well-known/oauth-protected-resource/outer/mcp/github", "https://example.com/outer/mcp/github"]
  ])("behind a proxy that strips a path, at %s is %s", (path, expected) => {
    assert.strictEqual(what(outer, path), expected)
  })

  it.each([
    ["/.well-known/oauth-authorization-server/team", "server"],
    ["/team/.well-known/oauth-authorization-server", "server"],
    ["/team/.well-known/openid-configuration", "server"],
    ["/team/mcp/.well-known/openid-configuration", "server"],
    ["/.well-known/oauth-protected-resource/team/mcp", "https://example.com/team/mcp"],
    ["/.well-known/oauth-authorization-server", "nothing"],
    ["/.well-known/oauth-protected-resource", "nothing"],
    ["/.well-known/oauth-protected-resource/mcp", "nothing"]
  ])("below a prefix, at %s is %s, so that the root does not name the prefix", (path, expected) => {
    assert.strictEqual(what(prefixed, path), expected)
  })

  it("names the issuer in the same bytes everywhere", () => {
    for (const url of [plain, outer, prefixed]) {
      const server = Metadata.authorizationServer(url)
      const resource = Metadata.protectedResource(url, url.resource)
      assert.strictEqual(server["issuer"], url.issuer)
      assert.deepStrictEqual(resource["authorization_servers"], [url.issuer])
      assert.isFalse(url.issuer.endsWith("/"))
      for (const [name, value] of Object.entries(server)) {
        if (name.endsWith("_endpoint")) assert.isTrue(String(value).startsWith(`${url.issuer}/`), name)
      }
    }
  })

  it("is where challenges say it is", () => {
    for (const url of [plain, outer, prefixed]) {
      for (const resource of [url.resource, PublicUrl.serverResource(url, "github")]) {
        const place = new URL(Metadata.resourceMetadataUrl(url, resource)).pathname
        const reachesUsAs = place.startsWith(`${url.outerPath}/`) ? place.slice(url.outerPath.length) : place
        assert.strictEqual(what(url, reachesUsAs), resource)
      }
    }
  })

  it("names the routes that an outer proxy has to pass on, where there is a path to be stripped", () => {
    assert.deepStrictEqual(Metadata.outerRoutes(plain), [])
    assert.deepStrictEqual(Metadata.outerRoutes(prefixed), [])
    assert.deepStrictEqual(Metadata.outerRoutes(outer), [
      "/.well-known/oauth-authorization-server/outer",
      "/.well-known/openid-configuration/outer",
      "/.well-known/oauth-protected-resource/outer"
    ])
  })
})

describe("a challenge", () => {
  const at = (challenge: Challenge.Challenge) => Challenge.header(plain, plain.resource, challenge)

  it("without a token says where to begin, and no error", () => {
    assert.strictEqual(
      at({ _tag: "Missing" }),
      'Bearer scope="mcp", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"'
    )
    assert.strictEqual(Challenge.status({ _tag: "Missing" }), 401)
  })

  it("to a bad token says so", () => {
    const challenge = { _tag: "InvalidToken", reason: 'it is "bad"' } as const
    assert.match(at(challenge), /^Bearer error="invalid_token", error_description="it is \\"bad\\"", scope="mcp", /u)
    assert.strictEqual(Challenge.status(challenge), 401)
  })

  it("to too small a token is 403", () => {
    assert.match(at({ _tag: "InsufficientScope" }), /^Bearer error="insufficient_scope", scope="mcp", /u)
    assert.strictEqual(Challenge.status({ _tag: "InsufficientScope" }), 403)
  })
})
