/** What a person reads when a sign-in ends early. */
import { assert, describe, it } from "@effect/vitest"
import { errorPage } from "../../../src/auth/pages/ErrorPage.ts"
import * as SignInErrors from "../../../src/auth/pages/SignInErrors.ts"
import { errors, site } from "../../browser/samples.ts"
import { words } from "./skeleton.ts"

describe("an error page", () => {
  it.each(Object.entries(errors))("%s says what happened, what to do, and by what it is found", (_, error) => {
    const text = words(errorPage({ site, error, reference: "7KQF-2M9D" }))
    for (const part of [error.title, error.happened, ...error.remedies, "7KQF-2M9D"]) assert.include(text, part)
    assert.isAbove(error.remedies.length, 0)
    assert.isTrue(error.status >= 400 && error.status < 600)
  })

  it.each(Object.entries(errors))("%s is in words that need no knowledge of protocols", (name, error) => {
    const text = [error.title, error.happened, ...error.remedies].join(" ")
    // What is wrong with a request is said for its makers.
    if (name !== "bad-request") assert.notMatch(text, /redirect|URI|OAuth|token|client|CSRF|state|parameter/iu)
  })

  it.each([
    SignInErrors.refused("the demo", "No."),
    SignInErrors.providerUnavailable("the demo"),
    SignInErrors.emailNotVerified("the demo", "ann@example.com")
  ])("begins its sentences with a capital, whatever the provider is called: $title", ({ happened, title }) => {
    for (const sentence of [title, happened]) assert.match(sentence, /^\p{Lu}/u)
  })

  it("names the account that is not admitted, and has a way on", () => {
    const document = errorPage({
      site,
      error: SignInErrors.notAdmitted("ann@example.com"),
      reference: "r",
      details: [{ label: "Account", value: "google:123" }],
      link: { href: "/auth/login?a=1&b=2", text: "Sign in with another account" }
    })
    assert.include(words(document), "ask whoever runs this server to let ann@example.com in")
    assert.include(words(document), "google:123")
    assert.include(document, 'href="/auth/login?a=1&amp;b=2"')
  })

  it.each(["https://app.example/x", "http://127.0.0.1:5/", "/auth/login"])("leads on to %s", (href) => {
    assert.include(errorPage({ site, error: SignInErrors.expired, reference: "r", link: { href, text: "Go" } }), href)
  })

  it.each([
    "javascript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,x",
    "//evil.example",
    "/\\evil.example",
    "x"
  ])("does not lead on to %s", (href) => {
    const document = errorPage({ site, error: SignInErrors.expired, reference: "r", link: { href, text: "Go" } })
    assert.notInclude(document, "<a ")
  })
})

describe("the time to wait", () => {
  it.each([
    [0, "1 second,"],
    [1, "1 second,"],
    [30.2, "31 seconds,"],
    [90, "90 seconds,"],
    [91, "2 minutes,"]
  ])("%s seconds is %s", (seconds, expected) => {
    assert.include(SignInErrors.tooManyRequests(seconds).remedies.join(), `Wait for ${expected}`)
  })
})
