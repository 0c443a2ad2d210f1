/** A person's own page in a real browser: what they have allowed, and how they take it back. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { faults } from "./axe.ts"
import { chromium } from "./chromium.ts"
import * as Scene from "./scene.ts"

layer(Scene.layer, { excludeTestServices: true, timeout: 60_000 })("the account page", (it) => {
  const inBrowser = it.effect.skipIf(chromium === undefined)

  inBrowser("lists the program that was allowed; Revoke ends its token at once, and it has to ask again", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const { origin } = yield* Scene.receiver("client.test")
      const by = yield* Scene.program("Notebook", `${origin}/callback`)
      const { complaints, page } = yield* Scene.somebody()
      const answer = yield* Effect.promise(async () => {
        await page.goto(by.request.href)
        return Scene.allow(page, "Ann", by.redirectUri)
      })
      const token = yield* Scene.tokenFor(by, answer)
      assert.strictEqual(yield* Scene.knocked(token), 200)
      yield* Effect.promise(async () => {
        await page.goto(`${issuer}/auth/account`)
        await Scene.press(page, "Revoke “Notebook”")
        await page.getByText("None yet.").waitFor()
      })
      assert.strictEqual(yield* Scene.knocked(token), 401)
      yield* Effect.promise(() => page.goto(by.request.href))
      assert.strictEqual(new URL(page.url()).pathname, "/consent")
      assert.deepStrictEqual(complaints(), [])
    })
  )

  inBrowser("leaves one program its token when another's button is pressed", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const { origin } = yield* Scene.receiver()
      const kept = yield* Scene.program("Kept", `${origin}/callback`)
      const dropped = yield* Scene.program("Dropped", `${origin}/callback`)
      const { page } = yield* Scene.somebody()
      const allowing = (by: typeof kept) =>
        Effect.flatMap(
          Effect.promise(async () => {
            await page.goto(by.request.href)
            return Scene.allow(page, "Carol", by.redirectUri)
          }),
          (answer) => Scene.tokenFor(by, answer)
        )
      const [one, other] = [yield* allowing(kept), yield* allowing(dropped)]
      yield* Effect.promise(async () => {
        await page.goto(`${issuer}/auth/account`)
        await Scene.press(page, "Revoke “Dropped”")
        await page.getByRole("button", { name: "Revoke “Dropped”" }).waitFor({ state: "detached" })
      })
      assert.deepStrictEqual([yield* Scene.knocked(one), yield* Scene.knocked(other)], [200, 401])
    })
  )

  inBrowser("is where a browser lands that signs in by itself, and signing out ends that", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const { complaints, page } = yield* Scene.somebody()
      const found = yield* Effect.promise(async () => {
        await page.goto(`${issuer}/auth/login`)
        await Scene.enter(page, "Dora")
        await page.waitForURL(`${issuer}/auth/account`)
        assert.include((await Scene.heading(page)) ?? "", "Dora")
        assert.isTrue(await page.getByText(`${issuer}/mcp`, { exact: true }).isVisible())
        for (const summary of await page.locator("summary").all()) await summary.click()
        const found = await faults(page)
        await Scene.press(page, "Sign out")
        await page.waitForURL(`${issuer}/`)
        await page.goto(`${issuer}/auth/account`)
        return found
      })
      assert.strictEqual(new URL(page.url()).pathname, "/auth/demo")
      assert.deepStrictEqual([...found, ...complaints()], [])
    })
  )
})
