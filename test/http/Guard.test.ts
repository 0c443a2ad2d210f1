/** Which Host and Origin a request may bear. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Guard from "../../src/http/Guard.ts"

const local: Guard.GuardOptions = {
  host: "127.0.0.1",
  baseUrl: "http://localhost:8080",
  allowedHosts: [],
  allowedOrigins: []
}

const open: Guard.GuardOptions = { ...local, host: "0.0.0.0", baseUrl: "https://mcp.example.com" }

const allows = (host: string | undefined, origin: string | undefined, options: Guard.GuardOptions): boolean =>
  Guard.check(host, origin, options)._tag === "Allowed"

describe("Host, on a proxy for this machine only", () => {
  it.each([
    "localhost",
    "localhost:8080",
    "LOCALHOST:1",
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.8.9.10:80",
    "[::1]",
    "[::1]:8080",
    "[::ffff:127.0.0.1]:8080"
  ])("%s is this machine", (host) => {
    assert.isTrue(allows(host, undefined, local))
  })

  it.each([
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "evil.localhost.example",
    "127.0.0.1.evil.example",
    "127.evil",
    "192.168.1.2",
    "10.0.0.1:8080",
    "[2001:db8::1]:8080",
    "0.0.0.0:8080",
    "localhost@evil.example",
    "evil.example:80@localhost",
    "localhost:80:evil",
    "*"
  ])("%s is not: a name can be rebound to this machine by whoever owns it", (host) => {
    assert.isFalse(allows(host, undefined, local))
  })

  it("there must be one", () => {
    for (const host of [undefined, ""]) {
      const verdict = Guard.check(host, undefined, local)
      assert.strictEqual(verdict._tag === "Refused" ? verdict.reason : "", "The request has no Host header")
    }
  })

  it("the refusal quotes it, and says what to set", () => {
    const verdict = Guard.check('evil"\n', undefined, local)
    const reason = verdict._tag === "Refused" ? verdict.reason : ""
    assert.include(reason, '"evil\\"\\n"')
    assert.include(reason, "MCP_ALLOWED_HOSTS")
  })
})

describe("Host, on a proxy that others reach", () => {
  it.each([
    "mcp.example.com",
    "MCP.example.com",
    "mcp.example.com:443",
    "localhost:8080",
    "192.168.1.2:8080",
    "[2001:db8::1]"
  ])("%s is its name or an address, which cannot be rebound", (host) => {
    assert.isTrue(allows(host, undefined, open))
  })

  it.each(["other.example.com", "example.com", "mcp.example.com.evil", "xmcp.example.com"])("%s is neither", (host) => {
    assert.isFalse(allows(host, undefined, open))
  })

  it.each([
    [["other.example"], "other.example", true],
    [["other.example"], "other.example:8443", true],
    [["Other.Example"], "other.EXAMPLE", true],
    [["other.example:8443"], "other.example:8443", true],
    [["other.example"], "sub.other.example", false],
    [["*"], "anything.at.all", true],
    [["a", "b"], "b", true],
    [[], "b", false]
  ])("with MCP_ALLOWED_HOSTS=%j, %s: %s", (allowedHosts, host, expected) => {
    assert.strictEqual(allows(host, undefined, { ...local, allowedHosts }), expected)
  })
})

describe("Origin", () => {
  it("need not be there: programs send none", () => {
    assert.isTrue(allows("localhost", undefined, local))
  })

  it.each([
    "http://localhost:8080",
    "http://localhost:6274",
    "https://localhost",
    "http://127.0.0.1:3000",
    "http://[::1]:3000"
  ])("%s is a page of this machine, which may call a proxy for this machine", (origin) => {
    assert.isTrue(allows("localhost", origin, local))
  })

  it.each([
    "https://evil.example",
    "http://localhost.evil.example",
    "http://localhost@evil.example",
    "null",
    "",
    "localhost",
    "file://",
    "chrome-extension://abc",
    "ftp://localhost"
  ])("%j may not call", (origin) => {
    assert.isFalse(allows("localhost", origin, local))
  })

  it.each([
    ["https://mcp.example.com", true],
    ["https://mcp.example.com:443", true],
    ["http://mcp.example.com", false],
    ["https://mcp.example.com:8443", false],
    ["http://localhost:3000", false],
    ["https://evil.example", false]
  ])("%s may call a proxy that others reach: %s", (origin, expected) => {
    assert.strictEqual(allows("mcp.example.com", origin, open), expected)
  })

  it.each([
    [["https://app.example"], "https://app.example", true],
    [["https://app.example/"], "https://app.example", true],
    [["https://APP.example"], "https://app.example", true],
    [["https://app.example"], "https://app.example.evil", false],
    [["https://app.example"], "http://app.example", false],
    [["chrome-extension://abc"], "chrome-extension://abc", true],
    [["null"], "null", true],
    [["*"], "null", true]
  ])("with MCP_ALLOWED_ORIGINS=%j, %s: %s", (allowedOrigins, origin, expected) => {
    assert.strictEqual(allows("localhost", origin, { ...local, allowedOrigins }), expected)
  })

  it("is looked at also where the Host is fine, and the other way round", () => {
    assert.isFalse(allows("localhost", "https://evil.example", local))
    assert.isFalse(allows("evil.example", "http://localhost:8080", local))
  })

  it("the refusal says what to set", () => {
    const verdict = Guard.check("localhost", "https://evil.example", local)
    assert.include(verdict._tag === "Refused" ? verdict.reason : "", "MCP_ALLOWED_ORIGINS")
  })
})

describe("whatever the headers hold", () => {
  it("no two of them make the check throw", () => {
    const header = fc.oneof(fc.string({ unit: "binary" }), fc.webUrl(), fc.domain(), fc.ipV6())
    fc.assert(
      fc.property(
        header,
        fc.option(header, { nil: undefined }),
        fc.constantFrom(local, open),
        (host, origin, options) => {
          Guard.check(host, origin, options)
        }
      ),
      { numRuns: 500 }
    )
  })

  it("a domain that nobody allowed is never served on this machine only", () => {
    fc.assert(
      fc.property(fc.domain(), fc.option(fc.nat({ max: 65_535 })), (domain, port) => {
        assert.isFalse(allows(port === null ? domain : `${domain}:${port}`, undefined, local))
      })
    )
  })
})

describe("this machine", () => {
  it.each(["localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "::ffff:127.0.0.1"])("is %s", (host) => {
    assert.isTrue(Guard.isLoopback(host))
  })

  it.each(["0.0.0.0", "::", "", "10.0.0.1", "localhost.", "example.com", "1127.0.0.1", "127.0.0.1.x", "::2"])(
    "is not %j",
    (host) => {
      assert.isFalse(Guard.isLoopback(host))
    }
  )
})
