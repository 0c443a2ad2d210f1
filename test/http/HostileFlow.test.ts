/** Attacks on a sign-in while it is under way: each test is named after what does not work. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { RootKey } from "../../src/keys/RootKey.ts"
import { layerMemory, Store } from "../../src/storage/Store.ts"
import { type Answer, form, goodRequest, locationOf, openBrowser, serve, type Served } from "../support/served.ts"

const CALLBACK = "https://app.example/cb"

const test = (name: string, attack: (served: Served) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(serve(), attack)))

/** A client, and its request. */
const client = (served: Served, name = "App", redirectUri = CALLBACK) =>
  Effect.map(served.register({ redirect_uris: [redirectUri], client_name: name }), ({ id }) => ({
    id,
    redirectUri,
    ...goodRequest(id, redirectUri)
  }))

type Client = Effect.Success<ReturnType<typeof client>>

const exchange = (served: Served, { id, redirectUri, verifier }: Client, code: string) =>
  served.ask(
    "/token",
    form({ grant_type: "authorization_code", client_id: id, code, code_verifier: verifier, redirect_uri: redirectUri })
  )

const codeOf = (answer: Answer): string => locationOf(answer).searchParams.get("code") ?? ""

/** Goes nowhere: a page that says why, with a reference, and no code, no redirect, no person's cookie. */
const assertStopped = (answer: Answer, status: number) => {
  assert.strictEqual(answer.status, status, answer.headers["location"])
  assert.isUndefined(answer.headers["location"])
  assert.notInclude(answer.setCookies.join(), "person")
  assert.match(answer.body, /[0-9a-f]{10}/u)
  assert.strictEqual(answer.headers["cache-control"], "no-store")
}

/** Up to the provider, the person having agreed. */
const agreed = (served: Served) =>
  Effect.gen(function* () {
    const app = yield* client(served)
    const browser = openBrowser(served)
    const page = yield* browser.page(yield* browser.begin(app.query))
    return { app, browser, page, left: yield* browser.decide(page.fields, "allow") }
  })

describe("mix-up", () => {
  test("every way back to the client names the issuer: a code, a refusal, an error", (served) =>
    Effect.gen(function* () {
      const { app, browser, left } = yield* agreed(served)
      const code = yield* browser.signInAs(left, "ann")
      const page = yield* browser.page(yield* browser.begin(app.query))
      const refused = yield* browser.decide(page.fields, "deny")
      const wrong = yield* browser.begin({ ...app.query, code_challenge_method: "plain" })
      for (const answer of [code, refused, wrong]) {
        const { origin, pathname, searchParams } = locationOf(answer)
        assert.strictEqual(`${origin}${pathname}`, CALLBACK)
        assert.strictEqual(searchParams.get("iss"), "https://mcp.example.com")
        assert.strictEqual(searchParams.get("state"), "xyz")
      }
      assert.isNotEmpty(codeOf(code))
      assert.isEmpty(codeOf(refused) + codeOf(wrong))
    }))
})

describe("a callback", () => {
  test("of another browser gives nobody a code: an attacker cannot have a victim finish the attacker's sign-in", (served) =>
    Effect.gen(function* () {
      for (const prepare of ["stranger", "known"] as const) {
        const { left } = yield* agreed(served)
        const victim = openBrowser(served)
        if (prepare === "known") yield* victim.begin((yield* client(served, "Other")).query)
        assertStopped(yield* victim.signInAs(left, "victim"), 403)
      }
    }))

  test("is taken once", (served) =>
    Effect.gen(function* () {
      const { browser, left } = yield* agreed(served)
      assert.isNotEmpty(codeOf(yield* browser.signInAs(left, "ann")))
      assertStopped(yield* browser.signInAs(left, "ann"), 400)
    }))

  test("twenty times at once gives one code at most", (served) =>
    Effect.gen(function* () {
      const { browser, left } = yield* agreed(served)
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, () => browser.signInAs(left, "ann")),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        answers.filter((answer) => answer.status === 303),
        1
      )
    }))

  test("without consent, with a guessed state, or with none, leads nowhere", (served) =>
    Effect.gen(function* () {
      const app = yield* client(served)
      const browser = openBrowser(served)
      const page = yield* browser.page(yield* browser.begin(app.query))
      const flow = page.fields.get("flow") ?? ""
      for (const state of ["", "x", flow, "xyz", "%00", "a".repeat(5000)]) {
        assertStopped(yield* browser.send(`/auth/callback?state=${encodeURIComponent(state)}&name=ann&code=x`), 400)
      }
      assertStopped(yield* browser.send("/auth/callback?name=ann"), 400)
    }))

  test("of a provider that says no tells the client so, and nothing else", (served) =>
    Effect.gen(function* () {
      const { browser, left } = yield* agreed(served)
      const state = locationOf(left).searchParams.get("state") ?? ""
      const back = yield* browser.send(`/auth/callback?error=access_denied&state=${state}&name=ann`)
      assert.strictEqual(locationOf(back).searchParams.get("error"), "access_denied")
      assert.isEmpty(codeOf(back))
    }))
})

describe("a code", () => {
  test("sent twice takes back what it gave", (served) =>
    Effect.gen(function* () {
      const { app, browser, left } = yield* agreed(served)
      const code = codeOf(yield* browser.signInAs(left, "ann"))
      const { access_token: token } = JSON.parse((yield* exchange(served, app, code)).body) as { access_token: string }
      const call = served.ask("/mcp", { headers: { authorization: `Bearer ${token}` } })
      assert.strictEqual((yield* call).status, 400)
      assert.strictEqual((yield* exchange(served, app, code)).status, 400)
      const after = yield* call
      assert.strictEqual(after.status, 401)
      assert.include(after.headers["www-authenticate"], 'error="invalid_token"')
    }))

  test("that was stolen on its way is worth nothing without the verifier, or put into another's request", (served) =>
    Effect.gen(function* () {
      const { app, browser, left } = yield* agreed(served)
      const code = codeOf(yield* browser.signInAs(left, "ann"))
      const thief = yield* client(served, "Thief")
      for (const attempt of [
        { ...app, verifier: thief.verifier },
        { ...thief, redirectUri: CALLBACK },
        { ...app, redirectUri: "https://thief.example/cb" }
      ]) {
        const { body, status } = yield* exchange(served, attempt, code)
        assert.strictEqual(status, 400)
        assert.notInclude(body, "access_token")
      }
    }))
})

describe("the consent form", () => {
  test("posted by another site, without our token, or with another's, decides nothing", (served) =>
    Effect.gen(function* () {
      const app = yield* client(served)
      const browser = openBrowser(served)
      const mine = yield* browser.page(yield* browser.begin(app.query))
      const second = yield* browser.page(yield* browser.begin(app.query))
      const attacker = openBrowser(served)
      const theirs = yield* attacker.page(yield* attacker.begin(app.query))
      const flow = mine.fields.get("flow") ?? ""
      const forge = (csrf: string | undefined) => new URLSearchParams({ flow, ...(csrf === undefined ? {} : { csrf }) })
      const tokens = [undefined, "", "x", theirs.fields.get("csrf") ?? "", second.fields.get("csrf") ?? ""]
      for (const token of tokens) assertStopped(yield* browser.decide(forge(token), "allow"), 403)
      // SameSite=Lax: another site's form comes without the cookie.
      const body = new URLSearchParams([...mine.fields, ["decision", "allow"]]).toString()
      assertStopped(yield* served.ask("/consent", { ...form({}), body }), 403)
      // The attacker's own good form, sent by the victim's browser.
      assertStopped(yield* browser.decide(theirs.fields, "allow"), 403)
      // After all of which the person may still decide.
      assert.strictEqual((yield* browser.decide(mine.fields, "allow")).status, 303)
    }))

  test("is shown to no other browser", (served) =>
    Effect.gen(function* () {
      const browser = openBrowser(served)
      const { path } = yield* browser.page(yield* browser.begin((yield* client(served)).query))
      assertStopped(yield* served.ask(path), 403)
      assertStopped(yield* openBrowser(served).send("/consent?flow=guessed"), 400)
    }))

  test("sent again after the end decides nothing: not a second time, and not otherwise", (served) =>
    Effect.gen(function* () {
      const { browser, left, page } = yield* agreed(served)
      assert.isNotEmpty(codeOf(yield* browser.signInAs(left, "ann")))
      assertStopped(yield* browser.decide(page.fields, "allow"), 400)
      assertStopped(yield* browser.decide(page.fields, "deny"), 400)
      const app = yield* client(served)
      const other = yield* browser.page(yield* browser.begin(app.query))
      yield* browser.decide(other.fields, "deny")
      assertStopped(yield* browser.decide(other.fields, "allow"), 400)
    }))

  test("allowed and then denied gives no code, whatever comes back from the provider", (served) =>
    Effect.gen(function* () {
      const { browser, left, page } = yield* agreed(served)
      const denied = yield* browser.decide(page.fields, "deny")
      assert.strictEqual(locationOf(denied).searchParams.get("error"), "access_denied")
      assertStopped(yield* browser.signInAs(left, "ann"), 400)
    }))

  test("allowed twice gives one code", (served) =>
    Effect.gen(function* () {
      const { browser, left, page } = yield* agreed(served)
      const again = yield* browser.decide(page.fields, "allow")
      assert.isNotEmpty(codeOf(yield* browser.signInAs(left, "ann")))
      assertStopped(yield* browser.signInAs(again, "bob"), 400)
    }))

  test("with anything else than Allow denies", (served) =>
    Effect.gen(function* () {
      const app = yield* client(served)
      for (const decision of ["", "ALLOW", "allow ", "yes"]) {
        const browser = openBrowser(served)
        const page = yield* browser.page(yield* browser.begin(app.query))
        const body = new URLSearchParams([...page.fields, ["decision", decision]]).toString()
        const answer = yield* browser.send("/consent", { ...form({}), body })
        assert.strictEqual(locationOf(answer).searchParams.get("error"), "access_denied", decision)
      }
    }))
})

describe("a restart in the middle", () => {
  const restarted = (keepsKey: boolean) =>
    Effect.gen(function* () {
      const store = Layer.succeed(Store, yield* Effect.provide(Store, layerMemory))
      const key = Layer.succeed(RootKey, yield* Effect.provide(RootKey, RootKey.layerRandom))
      const before = yield* serve({ surroundings: Layer.merge(store, key) })
      const app = yield* client(before)
      const browser = openBrowser(before)
      const page = yield* browser.page(yield* browser.begin(app.query))
      const after = yield* serve({ surroundings: Layer.merge(store, keepsKey ? key : RootKey.layerRandom) })
      const same = openBrowser(after)
      for (const [name, value] of browser.cookies) same.cookies.set(name, value)
      return { after, app, page, same }
    })

  it.live("continues with the same key: the form that is open can be sent, and ends in tokens", () =>
    Effect.gen(function* () {
      const { after, app, page, same } = yield* restarted(true)
      const left = yield* same.decide(page.fields, "allow")
      const code = codeOf(yield* same.signInAs(left, "ann"))
      assert.strictEqual((yield* exchange(after, app, code)).status, 200)
    }).pipe(Effect.scoped)
  )

  it.live("with another key believes nothing of before", () =>
    Effect.gen(function* () {
      const { after, app, page, same } = yield* restarted(false)
      assertStopped(yield* same.decide(page.fields, "allow"), 403)
      assertStopped(yield* same.begin(app.query), 400)
      assert.isAbove(after.port, 0)
    }).pipe(Effect.scoped)
  )
})

describe("remembered consent", () => {
  /** Ann has signed in and allowed the client; her browser comes again. */
  const again = (served: Served, redirectUri: string, asked: Record<string, string>) =>
    Effect.gen(function* () {
      const app = yield* client(served, "App", redirectUri)
      const browser = openBrowser(served)
      const page = yield* browser.page(yield* browser.begin(app.query))
      yield* browser.signInAs(yield* browser.decide(page.fields, "allow"), "ann")
      const second = yield* browser.begin(app.query, { headers: asked })
      return { app, browser, second, path: locationOf(second).pathname }
    })

  test("stands in for the page only when the person came by themselves or from this site", (served) =>
    Effect.gen(function* () {
      for (const [site, path] of [
        ["none", "/auth/demo"],
        ["same-origin", "/auth/demo"],
        ["cross-site", "/consent"],
        ["", "/consent"],
        ["None", "/consent"],
        ["none, cross-site", "/consent"]
      ] as const) {
        assert.strictEqual((yield* again(served, CALLBACK, { "sec-fetch-site": site })).path, path, site)
      }
    }))

  test("is never given to a program on the computer, or to a scheme that any app can claim", (served) =>
    Effect.gen(function* () {
      for (const uri of ["http://localhost:1234/cb", "http://127.0.0.1/cb", "https://localhost/cb", "cursor://x/cb"]) {
        assert.strictEqual((yield* again(served, uri, { "sec-fetch-site": "none" })).path, "/consent", uri)
      }
    }))

  test("of one person does not speak for another who then signs in", (served) =>
    Effect.gen(function* () {
      const { browser, second } = yield* again(served, CALLBACK, { "sec-fetch-site": "none" })
      const asked = yield* browser.signInAs(second, "bob")
      assert.strictEqual(locationOf(asked).pathname, "/consent")
      assert.notInclude(asked.setCookies.join(), "person")
      const page = yield* browser.page(asked)
      assert.include(page.body, "bob@demo.invalid")
      assert.isNotEmpty(codeOf(yield* browser.decide(page.fields, "allow")))
    }))

  test("is for one address: the same client under another asks again", (served) =>
    Effect.gen(function* () {
      const { browser } = yield* again(served, CALLBACK, {})
      const other = yield* client(served, "App", "https://app.example/other")
      const answer = yield* browser.begin(other.query, { headers: { "sec-fetch-site": "none" } })
      assert.strictEqual(locationOf(answer).pathname, "/consent")
    }))

  test("needs our cookie: missing, forged, another key's or of another purpose it is nobody's", (served) =>
    Effect.gen(function* () {
      const { app, browser } = yield* again(served, CALLBACK, {})
      const name = "__Host-mcp_person"
      const elsewhere = yield* serve()
      const foreign = yield* again(elsewhere, CALLBACK, {})
      for (const value of [
        undefined,
        "",
        "ann",
        "demo:ann@demo.invalid",
        foreign.browser.cookies.get(name) ?? "",
        browser.cookies.get("__Host-mcp_browser") ?? "",
        `${browser.cookies.get(name)?.slice(0, -2)}xx`
      ]) {
        const visitor = openBrowser(served)
        visitor.cookies.set("__Host-mcp_browser", browser.cookies.get("__Host-mcp_browser") ?? "")
        if (value !== undefined) visitor.cookies.set(name, value)
        const answer = yield* visitor.begin(app.query, { headers: { "sec-fetch-site": "none" } })
        assert.strictEqual(locationOf(answer).pathname, "/consent", value)
      }
      const good = yield* browser.begin(app.query, { headers: { "sec-fetch-site": "none" } })
      assert.strictEqual(locationOf(good).pathname, "/auth/demo")
    }))
})

describe("cookies", () => {
  test("are HttpOnly, SameSite=Lax, and with https Secure and tied to this host alone", (served) =>
    Effect.gen(function* () {
      const { browser, left } = yield* agreed(served)
      const { setCookies } = yield* browser.signInAs(left, "ann")
      const fresh = (yield* openBrowser(served).begin((yield* client(served)).query)).setCookies
      for (const cookie of [...setCookies, ...fresh]) {
        assert.match(cookie, /^__Host-mcp_(?:person|browser)=/u)
        for (const attribute of ["Path=/", "HttpOnly", "Secure", "SameSite=Lax"]) assert.include(cookie, attribute)
        assert.notInclude(cookie, "Domain")
      }
      assert.lengthOf([...setCookies, ...fresh], 2)
    }))

  test("of the sign-in's browser, missing, forged, another's or of another purpose, end it", (served) =>
    Effect.gen(function* () {
      const { browser, left } = yield* agreed(served)
      const { browser: another } = yield* agreed(served)
      const finished = yield* agreed(served)
      yield* finished.browser.signInAs(finished.left, "ann")
      const state = locationOf(left).searchParams.get("state") ?? ""
      const name = "__Host-mcp_browser"
      for (const value of [
        "x",
        another.cookies.get(name) ?? "",
        finished.browser.cookies.get("__Host-mcp_person") ?? "",
        state
      ]) {
        const { left: mine, browser: own } = yield* agreed(served)
        own.cookies.set(name, value)
        assertStopped(yield* own.signInAs(mine, "ann"), 403)
      }
      assert.isNotEmpty(codeOf(yield* browser.signInAs(left, "ann")))
    }))
})
