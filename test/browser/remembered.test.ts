/** What a browser and a proxy remember of a consent, seen from the browser. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Page } from "playwright-core"
import { faults } from "./axe.ts"
import { chromium } from "./chromium.ts"
import * as Scene from "./scene.ts"
import { webSite } from "./site.ts"

/** Where a request of the program has led: to the consent page, or past it to the login. */
const shown = (page: Page): string => new URL(page.url()).pathname

layer(Scene.layer, { excludeTestServices: true, timeout: 60_000 })("a consent given to a web site", (it) => {
  const inBrowser = it.effect.skipIf(chromium === undefined)

  /** Ann has allowed a program of a web site in this browser. */
  const allowed = Effect.gen(function* () {
    const { origin } = yield* Scene.receiver("client.test")
    const by = yield* Scene.program("Notebook", `${origin}/callback`)
    const visitor = yield* Scene.somebody()
    yield* Effect.promise(async () => {
      await visitor.page.goto(by.request.href)
      await Scene.allow(visitor.page, "Ann", by.redirectUri)
    })
    return { by, ...visitor }
  })

  inBrowser("is not asked for again of a person who comes by themselves; they still sign in", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const { by, complaints, page } = yield* allowed
      const answer = yield* Effect.promise(async () => {
        await page.goto(by.request.href)
        assert.strictEqual(shown(page), "/auth/demo")
        assert.strictEqual(await page.getByLabel("Name").inputValue(), "ann@demo.invalid")
        await Scene.press(page, "Sign in")
        return Scene.arrived(page, by.redirectUri)
      })
      Scene.assertCode(answer, issuer)
      assert.strictEqual(yield* Scene.knocked(yield* Scene.tokenFor(by, answer)), 200)
      assert.deepStrictEqual(complaints(), [])
    })
  )

  inBrowser("is asked for again where a link on another site has led the person", () =>
    Effect.gen(function* () {
      const { by, complaints, page } = yield* allowed
      const href = by.request.href.replaceAll("&", "&amp;")
      const other = yield* webSite(() => ({ body: `<title>Win</title><a href="${href}">Prize</a>` }), "other.test")
      yield* Effect.promise(async () => {
        await page.goto(other.origin)
        await page.getByRole("link", { name: "Prize" }).click()
        await page.getByRole("button", { name: "Allow" }).waitFor()
      })
      assert.strictEqual(shown(page), "/consent")
      assert.deepStrictEqual(complaints(), [])
    })
  )

  inBrowser("does not hold in another browser, nor for another program", () =>
    Effect.gen(function* () {
      const { by, page } = yield* allowed
      const stranger = yield* Scene.somebody()
      const { origin } = yield* Scene.receiver("client.test")
      const another = yield* Scene.program("Notebook", `${origin}/callback`)
      yield* Effect.promise(async () => {
        await stranger.page.goto(by.request.href)
        await page.goto(another.request.href)
      })
      assert.deepStrictEqual([shown(stranger.page), shown(page)], ["/consent", "/consent"])
    })
  )

  inBrowser("is asked for again of another person who signs in, both accounts named, and no second login follows", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const { by, complaints, page } = yield* allowed
      const [found, answer] = yield* Effect.promise(async () => {
        await page.goto(by.request.href)
        await Scene.enter(page, "Bob")
        const notice = page.locator(".notice").filter({ hasText: "You signed in as" })
        await notice.waitFor()
        const text = await notice.innerText()
        assert.include(text, "You signed in as bob@demo.invalid")
        assert.include(text, "It was ann@demo.invalid who allowed this program.")
        const found = await faults(page)
        await Scene.press(page, "Allow")
        return [found, await Scene.arrived(page, by.redirectUri)] as const
      })
      Scene.assertCode(answer, issuer)
      assert.strictEqual(yield* Scene.knocked(yield* Scene.tokenFor(by, answer)), 200)
      assert.deepStrictEqual([...found, ...complaints()], [])
    })
  )

  inBrowser("is refused by another person without the first one's being forgotten", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const { by, complaints, page } = yield* allowed
      const answer = yield* Effect.promise(async () => {
        await page.goto(by.request.href)
        await Scene.enter(page, "Bob")
        await Scene.press(page, "Deny")
        const answer = await Scene.arrived(page, by.redirectUri)
        await page.goto(by.request.href)
        return answer
      })
      Scene.assertDenied(answer, issuer)
      assert.strictEqual(shown(page), "/auth/demo")
      assert.deepStrictEqual(complaints(), [])
    })
  )
})

layer(Scene.layer, { excludeTestServices: true, timeout: 60_000 })(
  "a consent given to a program on this machine",
  (it) => {
    it.effect.skipIf(chromium === undefined)("is asked for every time", () =>
      Effect.gen(function* () {
        const { origin } = yield* Scene.receiver()
        const by = yield* Scene.program("Editor", `${origin}/callback`)
        const { complaints, page } = yield* Scene.somebody()
        yield* Effect.promise(async () => {
          await page.goto(by.request.href)
          await Scene.allow(page, "Ann", by.redirectUri)
          await page.goto(by.request.href)
        })
        assert.strictEqual(shown(page), "/consent")
        assert.deepStrictEqual(complaints(), [])
      })
    )
  }
)
