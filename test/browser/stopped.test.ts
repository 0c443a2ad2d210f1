/** Sign-ins that cannot go on, in a real browser: each ends on a page that says why, and what to do. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { faults } from "./axe.ts"
import { chromium, type Visitor } from "./chromium.ts"
import * as Scene from "./scene.ts"

layer(Scene.layer, { excludeTestServices: true, timeout: 60_000 })("a page of an error", (it) => {
  const inBrowser = it.effect.skipIf(chromium === undefined)

  /** It says so, is without fault, and its reference is in the log. */
  const assertStopped = Effect.fnUntraced(function* ({ complaints, page }: Visitor, status: number, title: string) {
    const { proxy } = yield* Scene.Scene
    const reference = yield* Effect.promise(async () => {
      assert.strictEqual(await Scene.heading(page), title)
      assert.deepStrictEqual(await faults(page), [])
      return (await page.locator(".foot code").textContent()) ?? ""
    })
    assert.match(reference, /^[0-9a-f]{10}$/u)
    yield* proxy.printed(new RegExp(`Sign-in ended: ${title}.*${reference}`, "u"))
    Scene.assertOnlyStatuses(complaints(), [status])
  })

  /** A program on this machine, and somebody who has opened its request. */
  const opened = Effect.gen(function* () {
    const { origin } = yield* Scene.receiver()
    const by = yield* Scene.program("Editor", `${origin}/callback`)
    const visitor = yield* Scene.somebody()
    yield* Effect.promise(() => visitor.page.goto(by.request.href))
    return { by, visitor }
  })

  const changed = (request: URL, name: string, value: string): string => {
    const url = new URL(request)
    url.searchParams.set(name, value)
    return url.href
  }

  inBrowser("meets a program that has never registered", () =>
    Effect.gen(function* () {
      const { by } = yield* opened
      const visitor = yield* Scene.somebody()
      yield* Effect.promise(() => visitor.page.goto(changed(by.request, "client_id", "nobody")))
      yield* assertStopped(visitor, 400, "This program is not known here")
    })
  )

  inBrowser("meets an answer that is to go elsewhere than registered, and nothing goes there", () =>
    Effect.gen(function* () {
      const { by } = yield* opened
      const elsewhere = yield* Scene.receiver("other.test")
      const visitor = yield* Scene.somebody()
      const url = changed(by.request, "redirect_uri", `${elsewhere.origin}/callback`)
      yield* Effect.promise(() => visitor.page.goto(url))
      yield* assertStopped(visitor, 400, "The way back is not the registered one")
      assert.deepStrictEqual(elsewhere.asked, [])
    })
  )

  inBrowser("meets a sign-in that there is not, or no longer", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Scene.Scene
      const visitor = yield* Scene.somebody()
      yield* Effect.promise(() => visitor.page.goto(`${issuer}/consent?flow=nothing`))
      yield* assertStopped(visitor, 400, "This sign-in has expired")
    })
  )

  inBrowser("meets a link to the callback that was used before", () =>
    Effect.gen(function* () {
      const { by, visitor } = yield* opened
      const { page } = visitor
      yield* Effect.promise(async () => {
        await Scene.press(page, "Allow")
        const callback = page.waitForRequest((request) => new URL(request.url()).pathname === "/auth/callback")
        await Scene.enter(page, "Ann")
        await Scene.arrived(page, by.redirectUri)
        assert.deepStrictEqual(visitor.complaints(), [])
        await page.goto((await callback).url())
      })
      yield* assertStopped(visitor, 400, "This sign-in has expired")
    })
  )

  inBrowser("meets somebody who opens the consent page of another browser", () =>
    Effect.gen(function* () {
      const { visitor } = yield* opened
      const thief = yield* Scene.somebody()
      yield* Effect.promise(() => thief.page.goto(visitor.page.url()))
      yield* assertStopped(thief, 403, "This sign-in began in another browser")
    })
  )

  inBrowser("meets somebody who is sent on from a sign-in that another browser has begun", () =>
    Effect.gen(function* () {
      const { by, visitor } = yield* opened
      const victim = yield* Scene.somebody()
      yield* Effect.promise(async () => {
        // The victim's browser is known too: by a request of its own.
        await victim.page.goto(by.request.href)
        await Scene.press(visitor.page, "Allow")
        await visitor.page.getByLabel("Name").waitFor()
        await victim.page.goto(visitor.page.url())
        await Scene.enter(victim.page, "Ann")
      })
      yield* assertStopped(victim, 403, "This sign-in began in another browser")
    })
  )

  inBrowser("meets a form without our token, and the question can still be answered afterwards", () =>
    Effect.gen(function* () {
      const { by, visitor } = yield* opened
      const { page } = visitor
      yield* Effect.promise(async () => {
        await page.locator("input[name=csrf]").evaluate((field: { value?: string }) => void (field.value = "forged"))
        await Scene.press(page, "Allow")
      })
      yield* assertStopped(visitor, 403, "This sign-in began in another browser")
      yield* Effect.promise(async () => {
        await page.goBack()
        await Scene.allow(page, "Ann", by.redirectUri)
      })
    })
  )

  inBrowser("meets a name that the demo does not take", () =>
    Effect.gen(function* () {
      const { visitor } = yield* opened
      yield* Effect.promise(async () => {
        await Scene.press(visitor.page, "Allow")
        await Scene.enter(visitor.page, " ")
      })
      yield* assertStopped(visitor, 403, "The demo did not sign you in")
    })
  )
})
