/** Where the proxy listens and what it is called: which texts are understood, and as what. */
import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as IpNetwork from "effect/net/IpNetwork"
import { settings } from "../../src/http/HttpSettings.ts"

describe("MCP_BASE_URL", () => {
  it.each([
    ["https://mcp.example.com", "https://mcp.example.com"],
    ["https://mcp.example.com/", "https://mcp.example.com"],
    ["https://mcp.example.com//", "https://mcp.example.com"],
    ["HTTPS://MCP.Example.com:443", "https://mcp.example.com"],
    ["http://localhost:8080/pre/fix/", "http://localhost:8080/pre/fix"]
  ])("%s is %s", (text, expected) => {
    assert.deepStrictEqual(Result.getOrThrow(settings.baseUrl.decode(text)), Option.some(expected))
  })

  it.each([
    "mcp.example.com",
    "localhost:8080",
    "/mcp",
    "ftp://example.com",
    "https://example.com?x=1",
    "https://example.com#x",
    "https://user:password@example.com",
    "https://",
    "javascript:alert(1)"
  ])("%s is refused", (text) => {
    assert.include(Result.getOrThrow(Result.flip(settings.baseUrl.decode(text))), "an absolute http:// or https:// URL")
  })
})

describe("MCP_PATH_PREFIX", () => {
  it.each([
    ["team-a", "/team-a"],
    ["/team-a", "/team-a"],
    ["/team-a/", "/team-a"],
    ["//team-a//x/", "/team-a/x"],
    ["/a.b/c_d~e", "/a.b/c_d~e"],
    ["/x/mcp", "/x/mcp"],
    ["/", ""]
  ])("%s is %j", (text, expected) => {
    assert.strictEqual(Result.getOrThrow(settings.pathPrefix.decode(text)), expected)
  })

  it.each(["/mcp", "health", "/token/x", "/.well-known/x", "/authorize", "/admin"])("%s is ours already", (text) => {
    assert.include(Result.getOrThrow(Result.flip(settings.pathPrefix.decode(text))), "reserved")
  })

  it.each(["/a b", "/../x", "/a/./b", "/a?b", "/a#b", "/ä", "/a%2fb", "/a:b", "https://x/y"])(
    "%s is refused",
    (text) => {
      assert.isTrue(Result.isFailure(settings.pathPrefix.decode(text)))
    }
  )
})

describe("MCP_TRUSTED_PROXIES", () => {
  it.each([
    ["10.0.0.0/8", ["10.0.0.0/8"]],
    ["127.0.0.1", ["127.0.0.1/32"]],
    ["::1, fd00::/8 ,192.168.0.1,", ["::1/128", "fd00::/8", "192.168.0.1/32"]],
    [" , ", []]
  ])("%s is %j", (text, expected) => {
    const networks = Result.getOrThrow(settings.trustedProxies.decode(text))
    assert.deepStrictEqual(networks.map(String), expected)
    assert.isTrue(networks.every(IpNetwork.isIpNetwork))
  })

  it.each(["localhost", "10.0.0.0/33", "10.0.0/8", "::1/129", "*", "10.0.0.1/8/8"])("%s is refused", (text) => {
    assert.isTrue(Result.isFailure(settings.trustedProxies.decode(text)))
  })
})

describe("MCP_ALLOWED_ORIGINS", () => {
  it.each(["*", "https://app.example.com", "http://localhost:6274/", "vscode-webview://abc", "https://[::1]:8080"])(
    "%s is understood",
    (text) => {
      assert.deepStrictEqual(Result.getOrThrow(settings.allowedOrigins.decode(text)), [text])
    }
  )

  it.each(["app.example.com", "https://", "https://x/path", "https://x?y", "https://user@x", "https://a b", "*.x"])(
    "%s is refused",
    (text) => {
      const reason = Result.getOrThrow(Result.flip(settings.allowedOrigins.decode(`https://x,${text}`)))
      assert.include(reason, "https://app.example.com")
    }
  )
})

describe("MCP_ALLOWED_HOSTS", () => {
  it.each(["*", "mcp.example.com", "mcp.example.com:8443", "proxy_1", "10.0.0.1", "[::1]", "[fd00::1]:80"])(
    "%s is understood",
    (text) => {
      assert.deepStrictEqual(Result.getOrThrow(settings.allowedHosts.decode(text)), [text])
    }
  )

  it.each(["https://mcp.example.com", "x/y", "a b", "x:y", "*.example.com"])("%s is refused", (text) => {
    assert.isTrue(Result.isFailure(settings.allowedHosts.decode(text)))
  })
})
