/** One resource, however it is spelled: what a rule sees is what any reader of the URI could see. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as UriSpelling from "../../src/domain/UriSpelling.ts"

const loose = (uri: string): ReadonlyArray<string> => UriSpelling.of(uri)?.loose ?? []

describe("a URI that is spelled in an unusual way", () => {
  it.each([
    ["file:///etc/passwd", "file:///etc/passwd"],
    ["FILE:///etc/passwd", "file:///etc/passwd"],
    ["file://localhost/etc/passwd", "file:///etc/passwd"],
    ["file:/etc/passwd", "file:///etc/passwd"],
    ["file:etc/passwd", "file:///etc/passwd"],
    ["file:///etc//passwd", "file:///etc/passwd"],
    ["file:////etc/passwd", "file:///etc/passwd"],
    ["file:///%65tc/passw%64", "file:///etc/passwd"],
    ["file:///%2565tc/passwd", "file:///etc/passwd"],
    ["file:///etc%2Fpasswd", "file:///etc/passwd"],
    ["file:///etc\\passwd", "file:///etc/passwd"],
    ["file:///etc/pass\twd", "file:///etc/passwd"],
    [" file:///etc/passwd\n", "file:///etc/passwd"],
    ["file:///etc/passwd?x=1", "file:///etc/passwd"],
    ["file:///etc/passwd#top", "file:///etc/passwd"],
    ["file:///etc/passwd/", "file:///etc/passwd"],
    ["file:///etc/passwd/?a/#b", "file:///etc/passwd"],
    ["HTTPS://Example.COM/a", "https://example.com/a"],
    ["https:example.com/a", "https://example.com/a"],
    ["URN:isbn:1", "urn:isbn:1"],
    ["notes//today", "notes/today"],
    ["data://info", "data://info"],
    ["file:///caf\u0065\u0301", "file:///caf\u00e9"]
  ])("%j is seen as %j", (uri, seen) => {
    assert.include(loose(uri), seen)
    assert.include(loose(uri), uri)
  })

  it.each([
    "file:///docs/../etc/passwd",
    "file:///docs/%2e%2e/etc/passwd",
    "file:///docs/%252e%252e/etc/passwd",
    "file:///docs/..%2fetc/passwd",
    "file:///docs\\..\\etc",
    "file:///docs/.\t./etc",
    "file:///./etc/passwd",
    "file:///docs/x?/../../etc",
    "file:///docs/x%3f/../../etc",
    "..",
    `file:///${"%25".repeat(1)}${"25".repeat(8)}2e`,
    `file:///${"a".repeat(9000)}`
  ])("%j is nothing that a rule can be held against", (uri) => {
    assert.isUndefined(UriSpelling.of(uri))
  })

  it("stays what it is if it is spelled as usual, templates included", () => {
    for (const uri of ["file:///docs/a b", "file:///docs/{name}", "search://find?q=x", "memo://insights", "a:b"]) {
      assert.deepStrictEqual(UriSpelling.of(uri)?.exact, [uri])
    }
    assert.deepStrictEqual(UriSpelling.of("file:///{+path}{?q}")?.exact, ["file:///{+path}{?q}"])
  })

  it("is never thrown out of a rule's reach by an escape: it is seen unescaped, or not at all", () => {
    const segment = fc.stringMatching(/^[a-z ä]{1,4}$/u)
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.integer({ min: 0, max: 3 }), (path, rounds) => {
        const uri = `file:///${path.join("/")}`
        let escaped = path.map((part) => encodeURIComponent(part)).join("/")
        for (let i = 0; i < rounds; i++) escaped = escaped.replaceAll("%", "%25")
        const seen = UriSpelling.of(`file:///${escaped}`)
        assert.isTrue(seen === undefined || seen.loose.includes(uri.trim()) || /^ | $/u.test(path.join("/")))
      })
    )
  })
})
