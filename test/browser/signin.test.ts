/** The whole of sign-in in a real browser, against a real proxy: from a program's request back to the program. */
import { assert, describe, it as vitest, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { deploy, knock, program as programAt, redeem } from "../integration/signIn.ts"
import { faults } from "./axe.ts"
import { chromium, launch, visitor } from "./chromium.ts"
import * as Scene from "./scene.ts"

layer(Scene.layer, { excludeTestServices: true, timeout: 60_000 })("a sign-in in a browser", (it) => {
  const inBrowser = it.effect.skipIf(chromium === undefined)

  for (const [where, name] of [
    ["a program on another port", undefined],
    ["another site", "client.test"]
  ] as const) {
    inBrowser(`that is allowed goes back to ${where}, whose token opens the endpoint`, () =>
      Effect.gen(function* () {
        const { issuer } = yield* Scene.Scene
        const { asked, origin } = yield* Scene.receiver(name)
        const by = yield* Scene.program("Editor", `${origin}/callback`)
        const { complaints, page } = yield* Scene.somebody()
        const answer = yield* Effect.promise(async () => {
          await page.goto(by.request.href)
          assert.match((await Scene.heading(page)) ?? "", /“Editor”/u)
          return Scene.allow(page, "Ann", by.redirectUri)
        })
        Scene.assertCode(answer, issuer)
        const [first] = asked
        assert.deepStrictEqual(
          [first?.method, first?.url, first?.headers.referer],
          ["GET", `${answer.pathname}${answer.search}`, undefined]
        )
        assert.strictEqual(yield* Scene.knocked(yield* Scene.tokenFor(by, answer)), 200)
        assert.deepStrictEqual(complaints(), [])
      })
    )

    inBrowser(`that is denied tells ${where} so, at once and without a login`, () =>
      Effect.gen(function* () {
        const { issuer } = yield* Scene.Scene
        const { origin } = yield* Scene.receiver(name)
        const by = yield* Scene.program("Editor", `${origin}/callback`)
        const { complaints, page } = yield* Scene.somebody()
        const answer = yield* Effect.promise(async () => {
          await page.goto(by.request.href)
          await Scene.press(page, "Deny")
          return Scene.arrived(page, by.redirectUri)
        })
        Scene.assertDenied(answer, issuer)
        assert.deepStrictEqual(complaints(), [])
      })
    )
  }

  for (const decision of ["Allow", "Deny"] as const) {
    inBrowser(`answered with ${decision} calls an app by its own scheme`, () =>
      Effect.gen(function* () {
        const { issuer } = yield* Scene.Scene
        const by = yield* Scene.program("Cursor", "cursor://anysphere.cursor-retrieval/oauth/callback")
        const { complaints, page } = yield* Scene.somebody()
        const location = yield* Effect.promise(async () => {
          await page.goto(by.request.href)
          if (decision === "Allow") await Scene.press(page, decision)
          // No app here has the scheme, so the browser looks for one and gives up: no policy has held it back.
          const tried = page.waitForEvent("requestfailed", (request) => request.url().startsWith("cursor:"))
          await (decision === "Allow" ? Scene.enter(page, "Ann") : Scene.press(page, decision))
          return (await tried).url()
        })
        assert.isTrue(location.startsWith(`${by.redirectUri}?`), location)
        const answer = new URL(location)
        if (decision === "Deny") Scene.assertDenied(answer, issuer)
        else {
          Scene.assertCode(answer, issuer)
          assert.strictEqual(yield* Scene.knocked(yield* Scene.tokenFor(by, answer)), 200)
        }
        assert.deepStrictEqual(complaints(), [])
      })
    )
  }

  inBrowser("is done with the keyboard alone", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const { origin } = yield* Scene.receiver()
      const by = yield* Scene.program("Editor", `${origin}/callback`)
      const { complaints, page } = yield* Scene.somebody()
      const answer = yield* Effect.promise(async () => {
        await page.goto(by.request.href)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        assert.strictEqual(await page.locator(":focus").textContent(), "Allow")
        await page.keyboard.press("Enter")
        await page.locator("#name:focus").waitFor()
        await page.keyboard.type("Ann")
        await page.keyboard.press("Enter")
        return Scene.arrived(page, by.redirectUri)
      })
      Scene.assertCode(answer, issuer)
      assert.deepStrictEqual(complaints(), [])
    })
  )

  inBrowser("goes on from a page that was loaded again, and from one that was left open beside it", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const { origin } = yield* Scene.receiver()
      const by = yield* Scene.program("Editor", `${origin}/callback`)
      const { complaints, page } = yield* Scene.somebody()
      const [token, tokenAgain, answer] = yield* Effect.promise(async () => {
        const csrf = () => page.locator("input[name=csrf]").inputValue()
        await page.goto(by.request.href)
        const beside = await page.context().newPage()
        await beside.goto(page.url())
        const before = await csrf()
        await page.reload()
        return [before, await csrf(), await Scene.allow(beside, "Ann", by.redirectUri)] as const
      })
      assert.notStrictEqual(token, tokenAgain)
      Scene.assertCode(answer, issuer)
      assert.deepStrictEqual(complaints(), [])
    })
  )

  inBrowser("does not disturb another one in the next tab", () =>
    Effect.gen(function* () {
      const { origin } = yield* Scene.receiver()
      const [one, two] = [yield* Scene.program("One", `${origin}/one`), yield* Scene.program("Two", `${origin}/two`)]
      const { complaints, page } = yield* Scene.somebody()
      const answers = yield* Effect.promise(async () => {
        const other = await page.context().newPage()
        await page.goto(one.request.href)
        await other.goto(two.request.href)
        await Scene.press(page, "Allow")
        await Scene.press(other, "Allow")
        await Scene.enter(page, "Ann")
        await Scene.enter(other, "Ann")
        return [await Scene.arrived(page, one.redirectUri), await Scene.arrived(other, two.redirectUri)] as const
      })
      assert.strictEqual(yield* Scene.knocked(yield* Scene.tokenFor(one, answers[0])), 200)
      assert.strictEqual(yield* Scene.knocked(yield* Scene.tokenFor(two, answers[1])), 200)
      assert.deepStrictEqual(complaints(), [])
    })
  )

  inBrowser("may be gone back in before it ends; afterwards the way back says that it has ended", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const { origin } = yield* Scene.receiver()
      const by = yield* Scene.program("Editor", `${origin}/callback`)
      const { complaints, page } = yield* Scene.somebody()
      yield* Effect.promise(async () => {
        await page.goto(by.request.href)
        await Scene.press(page, "Allow")
        await page.getByLabel("Name").waitFor()
        await page.goBack()
        Scene.assertCode(await Scene.allow(page, "Ann", by.redirectUri), issuer)
        assert.deepStrictEqual(complaints(), [])
        await page.goBack()
        await Scene.enter(page, "Ann")
        assert.strictEqual(await Scene.heading(page), "This sign-in has expired")
        await page.goBack()
        await page.goBack()
        assert.strictEqual(new URL(page.url()).pathname, "/consent")
        assert.strictEqual(await Scene.heading(page), "This sign-in has expired")
      })
      Scene.assertOnlyStatuses(complaints(), [400, 400])
    })
  )

  inBrowser(
    "has no page with a fault, light or dark, on a phone or on a desk",
    () =>
      Effect.gen(function* () {
        const by = yield* Scene.program("Editor with quite a long name, of Example & Sons", "cursor://callback")
        const { complaints, page } = yield* Scene.somebody()
        const found = yield* Effect.promise(async () => {
          await page.goto(by.request.href)
          await page.getByText("Technical details").click()
          const consent = await faults(page)
          await Scene.press(page, "Allow")
          await page.getByLabel("Name").waitFor()
          return [...consent, ...(await faults(page))]
        })
        assert.deepStrictEqual([...found, ...complaints()], [])
      }),
    120_000
  )
})

describe("a sign-in with Google in a browser", () => {
  vitest.live.skipIf(chromium === undefined)(
    "comes by way of Google to the program, whose token opens the endpoint",
    () =>
      Effect.gen(function* () {
        const deployment = yield* deploy()
        const { origin } = yield* Scene.receiver("client.test")
        const by = yield* programAt(deployment, `${origin}/callback`)
        const { complaints, page } = yield* visitor(yield* launch, { ignoreHTTPSErrors: true })
        const answer = yield* Effect.promise(async () => {
          await page.goto(by.request.href)
          await page.getByText("You sign in with Google").waitFor()
          await Scene.press(page, "Allow")
          return Scene.arrived(page, by.redirectUri)
        })
        Scene.assertCode(answer, deployment.issuer)
        const { body } = yield* redeem(deployment, by, answer)
        assert.strictEqual((yield* knock(deployment.url, String(body["access_token"]))).status, 200)
        assert.deepStrictEqual(complaints(), [])
      })
  )
})
