/** Where the pages' forms lead, in a real browser, and what the headers they are sent with forbid and let through. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type Forms, securityHeaders } from "../../src/html/Page.ts"
import { chromium, launch, visitor } from "./chromium.ts"
import { samples } from "./samples.ts"
import { type Asked, webSite } from "./site.ts"

const document = (path: string): string => samples.get(path)?.document ?? ""

/** A proxy that asks for consent, and sends on to another site what is answered; its pages' forms lead as is said. */
const consenting = (forms: Forms, client: string) =>
  webSite(({ method }: Asked) =>
    method === "POST"
      ? { status: 302, headers: { location: `${client}/callback?code=1` } }
      : { body: document("/consent/vouched"), headers: securityHeaders(forms) }
  )

/** A client on another site: 127.0.0.1 and localhost are two. */
const elsewhere = Effect.map(
  webSite(() => ({ body: "<title>Back</title>welcome back" })),
  ({ asked, port }) => ({
    asked,
    origin: `http://localhost:${port}`
  })
)

describe("an answer to the consent page", () => {
  it.live.skipIf(chromium === undefined)("is carried on to another site, without scripts, and without a referrer", () =>
    Effect.gen(function* () {
      const client = yield* elsewhere
      const proxy = yield* consenting("onward", client.origin)
      const { complaints, page } = yield* visitor(yield* launch, { javaScriptEnabled: false })
      yield* Effect.promise(async () => {
        await page.goto(proxy.origin)
        await page.getByRole("button", { name: "Allow" }).click()
        await page.waitForURL(`${client.origin}/callback?code=1`)
      })
      const posted = proxy.asked.find(({ method }) => method === "POST")
      assert.strictEqual(posted?.body, "transaction=t-123&csrf=c-456&decision=allow")
      assert.strictEqual(posted?.headers.origin, proxy.origin, "the Origin check must recognise our own form")
      assert.strictEqual(client.asked[0]?.headers.referer, undefined)
      assert.deepStrictEqual(complaints(), [])
    })
  )

  it.live.skipIf(chromium === undefined)("would not be, if the page's policy bounded its forms", () =>
    Effect.gen(function* () {
      const client = yield* elsewhere
      const proxy = yield* consenting("here", client.origin)
      const { complaints, page } = yield* visitor(yield* launch)
      yield* Effect.promise(async () => {
        await page.goto(proxy.origin)
        const complaint = page.waitForEvent("console")
        await page.getByRole("button", { name: "Allow" }).click()
        await complaint
      })
      assert.match(complaints().join(), /form-action/u)
      assert.deepStrictEqual(client.asked, [])
    })
  )
})

describe("a sign-in in a pop-up", () => {
  it.live.skipIf(chromium === undefined)("leaves the client's callback page its opener", () =>
    Effect.gen(function* () {
      const client = yield* elsewhere
      const proxy = yield* consenting("onward", client.origin)
      const { complaints, page } = yield* visitor(yield* launch)
      const hasOpener = yield* Effect.promise(async () => {
        await page.goto(client.origin)
        const [popup] = await Promise.all([
          page.waitForEvent("popup"),
          page.evaluate(`void window.open(${JSON.stringify(proxy.origin)})`)
        ])
        await popup.getByRole("button", { name: "Allow" }).click()
        await popup.waitForURL(`${client.origin}/callback?code=1`)
        return popup.evaluate("window.opener !== null")
      })
      assert.isTrue(hasOpener)
      assert.deepStrictEqual(complaints(), [])
    })
  )
})

describe("a page of ours in a frame of somebody else's", () => {
  it.live.skipIf(chromium === undefined)("does not appear", () =>
    Effect.gen(function* () {
      const proxy = yield* consenting("onward", "http://localhost:1")
      const other = yield* webSite(() => ({ body: `<title>Win</title><iframe src="${proxy.origin}/"></iframe>` }))
      const { complaints, page } = yield* visitor(yield* launch)
      const shown = yield* Effect.promise(async () => {
        const complaint = page.waitForEvent("console")
        await page.goto(other.origin)
        await complaint
        return page.frameLocator("iframe").getByRole("button").count()
      })
      assert.strictEqual(shown, 0)
      assert.match(complaints().join(), /frame-ancestors|X-Frame-Options/u)
    })
  )
})

describe("the account page", () => {
  it.live.skipIf(chromium === undefined)("revokes the program whose button was pressed, and signs out", () =>
    Effect.gen(function* () {
      const proxy = yield* webSite(({ method }) =>
        method === "POST"
          ? { status: 303, headers: { location: "/" } }
          : { body: document("/account/account"), headers: securityHeaders("here") }
      )
      const { complaints, page } = yield* visitor(yield* launch, { javaScriptEnabled: false })
      yield* Effect.promise(async () => {
        await page.goto(proxy.origin)
        await page.getByRole("button", { name: "Revoke “Cursor”" }).click()
        await page.waitForLoadState()
        await page.getByRole("button", { name: "Sign out" }).click()
        await page.waitForLoadState()
      })
      const posts = proxy.asked.filter(({ method }) => method === "POST")
      assert.deepStrictEqual(
        posts.map(({ body, url }) => [url, body]),
        [
          ["/account/revoke", "csrf=c-456&consent=2"],
          ["/account/sign-out", "csrf=c-456"]
        ]
      )
      for (const { headers } of posts) assert.strictEqual(headers.origin, proxy.origin)
      assert.deepStrictEqual(complaints(), [])
    })
  )
})

describe("the demo's login page", () => {
  it.live.skipIf(chromium === undefined)("begins in its field, and Enter signs in", () =>
    Effect.gen(function* () {
      const client = yield* elsewhere
      const proxy = yield* webSite(({ url }) =>
        url === "/"
          ? { body: document("/demo/first"), headers: securityHeaders("onward") }
          : { status: 302, headers: { location: `${client.origin}/callback` } }
      )
      const { complaints, page } = yield* visitor(yield* launch, { javaScriptEnabled: false })
      yield* Effect.promise(async () => {
        await page.goto(proxy.origin)
        await page.locator("#name:focus").waitFor()
        await page.keyboard.type("Ann & Bob")
        await page.keyboard.press("Enter")
        await page.waitForURL(`${client.origin}/callback`)
      })
      assert.include(
        proxy.asked.map(({ url }) => url),
        "/auth/callback?state=s-789&name=Ann+%26+Bob"
      )
      assert.deepStrictEqual(complaints(), [])
    })
  )
})
