/** The frame of all pages: a whole document that loads, runs and leaks nothing. */
import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { html } from "../../src/html/Html.ts"
import { page, securityHeaders } from "../../src/html/Page.ts"

/** The tag under a name that formatters leave alone, for here each space counts. */
const write = html

const site = { name: "Example tools", host: "mcp.example.com" }
const policy = (forms: "none" | "here" | "onward"): string => securityHeaders(forms)["content-security-policy"] ?? ""

describe("a page", () => {
  it("is a whole document, everything in it escaped", () => {
    const document = page({
      title: "</title><script>",
      site: { name: "<i>", host: '"><b>' },
      body: write`<h1>${"<b>"}</h1>`
    })
    assert.isTrue(document.startsWith("<!doctype html><html"))
    assert.include(document, "<title>&lt;/title&gt;&lt;script&gt; – &lt;i&gt;</title>")
    assert.include(document, "<main><h1>&lt;b&gt;</h1></main>")
    assert.include(document, "<small>&quot;&gt;&lt;b&gt;</small>")
    assert.notMatch(document, /<script|<i>|<b>/u)
  })

  it("says the host once where the server has no other name", () => {
    const named = page({ title: "x", site: { name: "a.example", host: "a.example" }, body: write`` })
    assert.notInclude(named, "<small>a.example</small>")
    assert.include(page({ title: "x", site, body: write`` }), "<small>mcp.example.com</small>")
  })

  it("has nothing in it that loads or runs, and needs less than 9 KB of its own", () => {
    const document = page({ title: "x", site, body: write``, wide: true, aside: write`` })
    assert.notMatch(document, /<script|<link|<img|<iframe|url\(|@import|\son\w+=|\sstyle=|https?:/iu)
    assert.isBelow(Buffer.byteLength(document), 9000)
  })
})

describe("what a page is sent with", () => {
  it("allows its own stylesheet by its hash, and no other", () => {
    const [, style = ""] = /<style>([^]*)<\/style>/u.exec(page({ title: "x", site, body: write`` })) ?? []
    assert.isAbove(style.length, 1000)
    const hash = createHash("sha256").update(style).digest("base64")
    assert.match(policy("none"), /^default-src 'none'; style-src '[^ ]+'; /u)
    assert.include(policy("none"), `style-src 'sha256-${hash}';`)
    assert.notMatch(policy("none"), /script-src|unsafe|https?:|\*/u)
  })

  it.each(["none", "here", "onward"] as const)("with forms %s lets nobody frame, rebase, sniff or keep it", (forms) => {
    assert.include(policy(forms), "frame-ancestors 'none'")
    assert.include(policy(forms), "base-uri 'none'")
    const headers = securityHeaders(forms)
    assert.strictEqual(headers["x-frame-options"], "DENY")
    assert.strictEqual(headers["x-content-type-options"], "nosniff")
    assert.strictEqual(headers["cache-control"], "no-store")
  })

  it("bounds where forms lead, but not where sign-in goes on to", () => {
    assert.include(policy("none"), "form-action 'none'")
    assert.include(policy("here"), "form-action 'self'")
    assert.notInclude(policy("onward"), "form-action")
  })
})
