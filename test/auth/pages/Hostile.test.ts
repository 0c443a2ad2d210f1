/** HTML injection through what clients, accounts and servers are called: no page has an element or attribute of theirs. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { accountPage } from "../../../src/auth/pages/AccountPage.ts"
import { consentPage } from "../../../src/auth/pages/ConsentPage.ts"
import { demoLoginPage } from "../../../src/auth/pages/DemoLoginPage.ts"
import { errorPage } from "../../../src/auth/pages/ErrorPage.ts"
import * as SignInErrors from "../../../src/auth/pages/SignInErrors.ts"
import { samples } from "../../browser/samples.ts"
import { skeleton, words } from "./skeleton.ts"

const site = { name: "Example", host: "mcp.example.com" }

const attack = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 6 }),
      fc.constantFrom("<script>", "</title>", "</style>", '"', "'", ">", "<img src=x onerror=alert(1)>", "<!--", "-->"),
      fc.constantFrom(
        "]]>",
        "&lt;",
        "&#60;script&#62;",
        "${x}",
        " onfocus=",
        "</bdi>",
        "javascript:",
        "\u202E",
        "\u0000"
      )
    ),
    { maxLength: 12 }
  )
  // What has nothing to be seen is worded otherwise.
  .map((pieces) => `x${pieces.join("")}`)

/** Every page, with this text wherever a text comes from outside, and another wherever the operator's or ours stands. */
const pages = (text: string, own = text): ReadonlyArray<string> => {
  const hidden = [{ name: text, value: text }]
  const voucher = { _tag: "Host", host: text } as const
  const client = { site: { name: own, host: `${own}.example` }, clientName: text, clientId: text, redirectUri: text }
  const consent = { ...client, scopes: ["mcp", text], provider: own, action: text, hidden, account: text }
  const destinations = [
    { _tag: "Site", host: text },
    { _tag: "Loopback", host: text },
    { _tag: "App", scheme: text }
  ] as const
  return [
    ...destinations.flatMap((destination) => [
      consentPage({ ...consent, voucher, destination, previousAccount: text, notes: [own] }),
      consentPage({ ...consent, voucher: { _tag: "Nobody" }, destination })
    ]),
    accountPage({
      site,
      email: text,
      name: text,
      roles: [text],
      servers: [{ name: text, tools: [text], prompts: [text], resources: 1, note: text }],
      programs: destinations.map((destination) => ({ clientName: text, voucher, destination, allowedAt: 0, hidden })),
      connect: { url: own, claudeCode: own, json: own },
      hidden,
      revokeAction: text,
      signOutAction: text
    }),
    demoLoginPage({ site, action: text, hidden, suggestion: text, problem: own }),
    ...[
      SignInErrors.badRequest(text),
      SignInErrors.refused(own, text),
      SignInErrors.notAdmitted(text),
      SignInErrors.emailNotVerified(own, text)
    ].map((error) =>
      errorPage({
        site,
        error,
        reference: own,
        details: [{ label: own, value: text }],
        link: { href: `/${own}`, text: own }
      })
    )
  ]
}

describe("a page with hostile words in every place", () => {
  it("has the elements and attributes that it has with harmless ones, and no others", () => {
    const expected = pages("x").map(skeleton)
    for (const tags of expected) assert.isAbove(tags.length, 15)
    fc.assert(
      fc.property(attack, (text) => {
        assert.deepStrictEqual(pages(text).map(skeleton), expected)
      }),
      { numRuns: 200 }
    )
  })

  it("shows nothing that turns directions, and no controls", () => {
    for (const document of pages("x\u202E\u2066\u200F\u001By", "own")) {
      assert.include(document, "x y")
      assert.notMatch(words(document), /[^\P{C}\n]/u)
    }
  })
})

describe("every page", () => {
  it.each([...samples])("%s is whole, has one heading and no script", (_, { document }) => {
    assert.match(document, /^<!doctype html><html lang="en">[^]*<\/html>$/u)
    assert.strictEqual(document.match(/<h1>/gu)?.length, 1)
    assert.notMatch(document, /<script|<iframe|<img|<link|javascript:/iu)
    assert.notMatch(document, /undefined|\[object|NaN/u)
  })

  it("is less than 10 KB where nobody strains it", () => {
    for (const path of ["/consent/vouched", "/consent/unverified", "/error/expired", "/demo/first"]) {
      assert.isBelow(Buffer.byteLength(samples.get(path)?.document ?? ""), 10_000, path)
      assert.isAbove(Buffer.byteLength(samples.get(path)?.document ?? ""), 5000, path)
    }
  })
})
