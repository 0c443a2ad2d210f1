/** Pages in which nothing but what is written here is markup. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { html, Html } from "../../src/html/Html.ts"
import { page, SECURITY_HEADERS } from "../../src/html/Page.ts"

/** The tag under a name that formatters leave alone, for here each space counts. */
const write = html

describe("a text in a page", () => {
  it.each([
    ["<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"],
    ['" onload="x', "&quot; onload=&quot;x"],
    ["' onload='x", "&#39; onload=&#39;x"],
    ["&lt;", "&amp;lt;"],
    ["a & b", "a &amp; b"],
    ["名前 😀", "名前 😀"],
    ["", ""]
  ])("%s becomes %s", (text, expected) => {
    assert.strictEqual(write`<p title="${text}">${text}</p>`.markup, `<p title="${expected}">${expected}</p>`)
  })

  it("is shown as it was, and is never markup, whatever it holds", () => {
    const unescape = (markup: string): string =>
      markup
        .replaceAll("&lt;", "<")
        .replaceAll("&gt;", ">")
        .replaceAll("&quot;", '"')
        .replaceAll("&#39;", "'")
        .replaceAll("&amp;", "&")
    const hostile = fc.oneof(fc.string(), fc.constantFrom("<", "</p>", '"', "'", "&", "&amp;", "<!--", "]]>", "${x}"))
    fc.assert(
      fc.property(fc.array(hostile), (pieces) => {
        const text = pieces.join("")
        const { markup } = write`${text}`
        assert.notMatch(markup, /[<>"']/u)
        assert.strictEqual(unescape(markup), text)
      })
    )
  })
})

describe("other values", () => {
  it("numbers are written as they are", () => {
    assert.strictEqual(write`${0} ${-1.5}`.markup, "0 -1.5")
  })

  it("markup stays markup, alone and in lists, and is not escaped again", () => {
    const items = ["<a>", "b"].map((text) => write`<li>${text}</li>`)
    assert.strictEqual(write`<ul>${items}</ul>${write`<hr>`}`.markup, "<ul><li>&lt;a&gt;</li><li>b</li></ul><hr>")
    assert.strictEqual(write`${[]}`.markup, "")
  })
})

describe("a page", () => {
  it("is a whole document, its title escaped", () => {
    const document = page("</title><script>", write`<h1>${"<b>"}</h1>`)
    assert.isTrue(document.startsWith("<!doctype html><html"))
    assert.include(document, "<title>&lt;/title&gt;&lt;script&gt;</title>")
    assert.include(document, "<main><h1>&lt;b&gt;</h1></main>")
    assert.notInclude(document, "<script>")
    assert.instanceOf(write``, Html)
  })

  it("loads and runs nothing, and is framed by nobody", () => {
    const policy = SECURITY_HEADERS["content-security-policy"] ?? ""
    for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]) {
      assert.include(policy, rule)
    }
    assert.notMatch(policy, /script-src|unsafe-eval|https?:/u)
    assert.strictEqual(SECURITY_HEADERS["x-content-type-options"], "nosniff")
    const document = page("x", write``)
    assert.notMatch(document, /<script|<link|<img|<iframe|url\(|@import|\son\w+=/iu)
  })
})
