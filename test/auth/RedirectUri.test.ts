import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as RedirectUri from "../../src/auth/RedirectUri.ts"

const kindOf = (uri: string): string => {
  const kind = RedirectUri.inspect(uri)
  return Result.isSuccess(kind) ? kind.success._tag : "refused"
}

describe("a redirect URI", () => {
  it.each([
    ["https://claude.ai/api/mcp/auth_callback", "Web"],
    ["https://chatgpt.com/connector/oauth/abc?x=1", "Web"],
    ["http://localhost:33418/", "Loopback"],
    ["http://127.0.0.1/callback", "Loopback"],
    ["http://[::1]:9/callback", "Loopback"],
    ["https://localhost:3000/cb", "Loopback"],
    ["cursor://anysphere.cursor-mcp/oauth/callback", "PrivateUse"],
    ["com.example.app:/oauth", "PrivateUse"],
    ["vscode://vscode.github-authentication/did-authenticate", "PrivateUse"]
  ])("%s is of the kind %s", (uri, kind) => {
    assert.strictEqual(kindOf(uri), kind)
  })

  it.each([
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://a/b",
    "http://example.com/cb",
    "http://localhost.evil.com/cb",
    "http://127.0.0.1.evil.com/cb",
    "https://user@example.com/cb",
    "https://user:pass@example.com/cb",
    "https://@example.com/cb",
    "https://example.com/a/../b",
    "https://example.com/a/%2e%2e/b",
    "https://example.com/./b",
    "https://example.com/cb#x",
    "https://example.com/cb#",
    "https://example.com\\@evil.com/",
    "https:/example.com/cb",
    "https:example.com/cb",
    "https://exämple.com/cb",
    "https://example.com/ cb",
    "/relative",
    "",
    "//example.com/cb",
    "https://127.0.0.2/cb",
    "https://2130706433.example.com@127.1/cb",
    "https://127.1.2.3:8443/cb",
    "https://localhost./cb",
    "https://app.localhost/cb",
    "https://[::ffff:127.0.0.1]/cb",
    "https://0.0.0.0/cb",
    "https://0/cb",
    "ms-msdt:/id",
    "search-ms:query=x",
    "shell:startup",
    "smb://evil.example/x",
    `https://example.com/${"a".repeat(3000)}`
  ])("%s is refused", (uri) => {
    assert.strictEqual(kindOf(uri), "refused")
  })

  it("is what it was registered as, to the byte", () => {
    const registered = ["https://example.com/cb"]
    for (const other of [
      "https://example.com/cb/",
      "https://example.com/CB",
      "https://EXAMPLE.com/cb",
      "https://example.com:443/cb",
      "https://example.com/cb?x",
      "https://example.com/cb/../cb",
      "https://user@example.com/cb",
      "http://example.com/cb",
      "https://example.com.evil.com/cb"
    ]) {
      assert.isFalse(RedirectUri.isRegistered(registered, other), other)
    }
    assert.isTrue(RedirectUri.isRegistered(registered, "https://example.com/cb"))
  })

  it("on loopback may have any port, and nothing else that differs", () => {
    const registered = ["http://localhost/callback", "http://127.0.0.1:1/cb?a=1", "http://[::1]/x"]
    for (const same of [
      "http://localhost:54321/callback",
      "http://localhost/callback",
      "http://127.0.0.1:65535/cb?a=1",
      "http://[::1]:4000/x"
    ]) {
      assert.isTrue(RedirectUri.isRegistered(registered, same), same)
    }
    for (const other of [
      "http://127.0.0.1:54321/callback",
      "http://localhost:54321/callback/",
      "http://localhost:54321/other",
      "http://localhost:54321/callback?x=1",
      "https://localhost:54321/callback",
      "http://LOCALHOST:54321/callback",
      "http://localhost:54321@evil.com/callback",
      "http://localhost:54321.evil.com/callback",
      "http://localhost:99999/callback"
    ]) {
      assert.isFalse(RedirectUri.isRegistered(registered, other), other)
    }
  })

  it("that is registered is itself registered; no other is, whatever it is made of", () => {
    const uri = fc.webUrl({ validSchemes: ["https"] })
    fc.assert(
      fc.property(uri, fc.string(), (registered, other) => {
        if (kindOf(registered) === "refused" || other === registered) return
        assert.isTrue(RedirectUri.isRegistered([registered], registered))
        assert.isFalse(RedirectUri.isRegistered([registered], other))
        assert.isFalse(RedirectUri.isRegistered([registered], `${registered}${other || "x"}`))
      })
    )
  })
})
