/** Pages in which nothing but what is written here is markup. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { html } from "../../src/html/Html.ts"

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
