/** What a person finds on the page of their own. */
import { assert, describe, it } from "@effect/vitest"
import { accountPage } from "../../../src/auth/pages/AccountPage.ts"
import { demoLoginPage } from "../../../src/auth/pages/DemoLoginPage.ts"
import * as Samples from "../../browser/samples.ts"
import { words } from "./skeleton.ts"

const text = words(accountPage(Samples.account))

describe("the account page", () => {
  it("says who is signed in, with which roles, and how to connect", () => {
    assert.match(text, /You are signed in as +Ann Example/u)
    for (const part of ["ann@example.com", "engineer", "on-call"]) assert.include(text, part)
    const { connect } = Samples.account
    assert.include(text, connect.claudeCode)
    assert.include(text, connect.json.replace(/\s+/gu, " "))
    assert.include(accountPage(Samples.account), `<pre>${connect.url}</pre>`)
  })

  it("calls who has no name by their e-mail, once", () => {
    const { name: _, ...nameless } = Samples.account
    const anonymous = words(accountPage(nameless))
    assert.match(anonymous, /You are signed in as +ann@example\.com/u)
    assert.strictEqual(anonymous.split("ann@example.com").length, 2)
  })

  it("counts what may be used, names it, and says why a server has nothing", () => {
    assert.match(text, /github +4 tools, 1 prompt, 2 resources/u)
    assert.match(text, /files +1 tool +All names/u)
    assert.match(text, /jira +It cannot be reached at present/u)
    for (const name of Samples.account.servers.flatMap(({ prompts, tools }) => [...tools, ...prompts])) {
      assert.include(text, name)
    }
    assert.include(words(accountPage(Samples.emptyAccount)), "Nothing yet. Ask whoever runs this server")
  })

  it("has a form for every program that was allowed, which says which one and carries the token", () => {
    const document = accountPage(Samples.account)
    const forms = [...document.matchAll(/<form method="post" action="([^"]+)">([^]*?)<\/form>/gu)]
    assert.deepStrictEqual(
      forms.map(([, action]) => action),
      ["/account/sign-out", "/account/revoke", "/account/revoke"]
    )
    for (const [, , form = ""] of forms) assert.include(form, 'name="csrf" value="c-456"')
    assert.include(forms[1]?.[2] ?? "", 'name="consent" value="1"')
    assert.include(forms[2]?.[2] ?? "", 'name="consent" value="2"')
    assert.match(text, /Comes from +claude\.ai +, goes to +claude\.ai/u)
    assert.match(text, /Name not checked, an app that opens +cursor: +links/u)
    assert.include(document, '<time datetime="2026-11-18">18 November 2026</time>')
    assert.include(words(accountPage(Samples.emptyAccount)), "None yet.")
  })
})

describe("the demo's login page", () => {
  it("asks for a name and sends it with what belongs to it", () => {
    const document = demoLoginPage(Samples.demo)
    assert.include(document, '<form method="get" action="/auth/callback">')
    assert.include(document, '<input type="hidden" name="state" value="s-789" />')
    assert.match(document, /<input[^>]*id="name"[^>]*name="name"[^>]*value=""/u)
    assert.notInclude(document, "aria-invalid")
  })

  it("says what was wrong with a name, and keeps it", () => {
    const document = demoLoginPage(Samples.demoAgain)
    assert.include(document, "A name needs a letter.")
    assert.include(document, 'value="&quot; onfocus=&quot;alert(1)"')
    assert.include(document, 'aria-invalid="true" aria-describedby="problem"')
  })
})
