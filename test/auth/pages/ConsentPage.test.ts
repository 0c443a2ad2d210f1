/** What a person is told before they let a program in. */
import { assert, describe, it } from "@effect/vitest"
import { type ConsentModel, consentPage } from "../../../src/auth/pages/ConsentPage.ts"
import * as Samples from "../../browser/samples.ts"
import { words } from "./skeleton.ts"

const read = (model: ConsentModel): string => words(consentPage(model))

describe("a program that a web site vouches for", () => {
  it("is shown with that site, and with where the browser goes", () => {
    const text = read(Samples.vouched)
    assert.include(text, "“ Claude ” asks to use Example tools in your name")
    assert.match(text, /It comes from +claude\.ai/u)
    assert.match(text, /Your browser goes to +claude\.ai/u)
    assert.notMatch(text, /calls itself|Nobody has checked/u)
    assert.notInclude(consentPage(Samples.vouched), '<div class="notice')
  })

  it("is warned of where the answer goes to a program on this computer", () => {
    const text = read(Samples.loopback)
    assert.match(text, /It comes from +claude\.ai/u)
    assert.match(text, /The access goes to +a program on this computer . Allow only if you have just started this/u)
    assert.include(text, "127.0.0.1:54321")
  })

  it("shows a host that only looks like another in its true letters", () => {
    const cyrillic = read({ ...Samples.vouched, voucher: { _tag: "Host", host: "\u0441laude.ai" } })
    assert.include(cyrillic, "xn--laude-0ye.ai")
    assert.notInclude(cyrillic, "\u0441laude.ai")
  })
})

describe("a program that nobody vouches for", () => {
  it("is said to call itself so, in a frame of its own, and its name to be unchecked", () => {
    const document = consentPage(Samples.unverified)
    assert.match(
      document,
      /A program that calls itself<\/span>\s*<span class="claim doubtful">“<bdi>Claude ✓ verified/u
    )
    assert.include(words(document), "Nobody has checked this name.")
    assert.match(words(document), /What counts is where the access goes: +claude-login\.example/u)
  })

  it("is warned of where an app takes the answer", () => {
    const text = read(Samples.app)
    assert.include(text, "Nobody has checked this name.")
    assert.match(text, /The access goes to +an app on this device : the one that opens +cursor:/u)
  })

  it("and has no name that can be seen is said to have none", () => {
    const text = read(Samples.nameless)
    assert.include(text, "A program without a name asks to use")
    assert.include(text, "Nobody knows whose program this is.")
    assert.notInclude(text, "calls itself")
  })
})

describe("what follows", () => {
  it("begins with the sign-in where nobody has signed in, and is said in words for each scope", () => {
    const text = read(Samples.vouched)
    const order = ["You sign in with Google", "Your browser goes to", "It may use the tools", "It stays connected"]
    const places = order.map((part) => text.indexOf(part))
    assert.notInclude(places, -1)
    assert.deepStrictEqual(
      places,
      places.toSorted((a, b) => a - b)
    )
    const short = read({ ...Samples.vouched, scopes: ["mcp"] })
    assert.notInclude(short, "It stays connected")
  })

  it("has no sign-in for who has signed in, and names the account, and whose permission does not count for it", () => {
    const text = read(Samples.otherAccount)
    assert.notInclude(text, "You sign in with")
    assert.match(text, /You signed in as +ann@example\.com/u)
    assert.match(text, /It was +ann\.private@mail\.example +who allowed this program/u)
    assert.include(text, "Example Ltd keeps a record of every call for 90 days.")
  })

  it("names a scope that we do not know as it is, also where an object has a property of its name", () => {
    const text = read({ ...Samples.vouched, scopes: ["constructor", "__proto__", "files"] })
    for (const scope of ["constructor", "__proto__", "files"]) assert.include(text, `It may also have “${scope}”`)
  })
})

describe("the answer", () => {
  it("is a plain form with everything hidden that belongs to it, and Deny before Allow", () => {
    const document = consentPage(Samples.vouched)
    assert.include(document, '<form method="post" action="/consent">')
    assert.include(document, '<input type="hidden" name="transaction" value="t-123" />')
    assert.include(document, '<input type="hidden" name="csrf" value="c-456" />')
    const buttons = [...document.matchAll(/<button[^>]*name="decision" value="(\w+)">(\w+)</gu)].map((match) => [
      match[1],
      match[2]
    ])
    assert.deepStrictEqual(buttons, [
      ["deny", "Deny"],
      ["allow", "Allow"]
    ])
    assert.notInclude(document, "autofocus")
  })

  it("can be checked to the letter: identifier and exact address are there", () => {
    const text = read(Samples.loopback)
    assert.include(text, "https://claude.ai/oauth/claude-code-client-metadata")
    assert.include(text, "http://127.0.0.1:54321/callback")
    assert.include(text, "mcp offline_access")
  })
})
