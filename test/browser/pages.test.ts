/** The pages of sign-in in a real browser: legible, reachable, silent, and with nothing in them of a stranger's. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { securityHeaders } from "../../src/html/Page.ts"
import { faults, overflow } from "./axe.ts"
import { chromium, launch, type Visitor, visitor } from "./chromium.ts"
import { samples } from "./samples.ts"
import { type Answer, type Asked, webSite } from "./site.ts"

const sampled = ({ url }: Asked): Answer | undefined => {
  const sample = samples.get(url)
  return sample && { body: sample.document, headers: securityHeaders(sample.forms) }
}

/** A browser at the samples. */
const visit = (
  options: Parameters<typeof visitor>[1],
  run: (visitor: Visitor, open: (path: string) => Promise<unknown>) => Promise<void>
) =>
  Effect.gen(function* () {
    const { origin } = yield* webSite(sampled)
    const somebody = yield* visitor(yield* launch, options)
    yield* Effect.promise(() => run(somebody, (path) => somebody.page.goto(`${origin}${path}`)))
  })

describe("every page", () => {
  it.live.skipIf(chromium === undefined)(
    "is without fault for the browser and for axe, light and dark, 320, 390 and 1280 px wide",
    () =>
      visit({}, async ({ complaints, page }, open) => {
        const found: Array<string> = []
        for (const path of samples.keys()) {
          await open(path)
          // What is folded away is looked at too.
          for (const summary of await page.locator("summary").all()) await summary.click()
          found.push(...(await faults(page)))
        }
        assert.deepStrictEqual([...found, ...complaints()], [])
      }),
    240_000
  )

  it.live.skipIf(chromium === undefined)("bears forced colours, no motion and letters twice as large", () =>
    visit(
      { forcedColors: "active", reducedMotion: "reduce", viewport: { width: 320, height: 640 } },
      async ({ complaints, page }, open) => {
        for (const path of samples.keys()) {
          await open(path)
          await page.evaluate("void (document.documentElement.style.fontSize = '200%')")
          assert.isAtMost(await overflow(page), 0, path)
          const bare =
            "[...document.querySelectorAll('button')].filter((b) => getComputedStyle(b).borderTopWidth === '0px')"
          assert.strictEqual(await page.evaluate(`${bare}.length`), 0, path)
        }
        assert.deepStrictEqual(complaints(), [])
      }
    )
  )

  it.live.skipIf(chromium === undefined)("has no element in it that somebody else's words have made", () =>
    visit({}, async ({ complaints, page }, open) => {
      for (const path of samples.keys()) {
        await open(path)
        const foreign = await page.locator("script, img, iframe, object, embed, link, base, h1 b, bdi *, q *").count()
        assert.strictEqual(foreign, 0, path)
        const handlers = await page.evaluate(
          "[...document.querySelectorAll('*')].flatMap((e) => [...e.attributes]).filter((a) => /^on|^style$|^srcdoc$/i.test(a.name)).length"
        )
        assert.strictEqual(handlers, 0, path)
      }
      assert.deepStrictEqual(complaints(), [])
    })
  )
})

describe("the account page", () => {
  it.live.skipIf(chromium === undefined)("has its button level with the mark", () =>
    visit({ viewport: { width: 1280, height: 800 } }, async ({ page }, open) => {
      await open("/account/account")
      const middle = (selector: string): Promise<number> =>
        page.evaluate(
          `(({ bottom, top }) => (top + bottom) / 2)(document.querySelector("${selector}").getBoundingClientRect())`
        )
      assert.approximately(await middle("header button"), await middle("header svg"), 1)
    })
  )
})

describe("the consent page", () => {
  it.live.skipIf(chromium === undefined)(
    "is walked by keyboard: Deny, Allow, details, each seen to have the focus",
    () =>
      visit({}, async ({ page }, open) => {
        await open("/consent/vouched")
        const walked: Array<string> = []
        for (const _ of [1, 2, 3]) {
          await page.keyboard.press("Tab")
          walked.push((await page.locator(":focus").textContent()) ?? "")
          assert.strictEqual(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "solid")
        }
        assert.deepStrictEqual(walked, ["Deny", "Allow", "Technical details"])
        await page.keyboard.press("Enter")
        assert.isTrue(await page.getByText("https://claude.ai/api/mcp/auth_callback").isVisible())
      })
  )

  it.live.skipIf(chromium === undefined)("is not answered by Enter alone, and not allowed by Tab and Enter", () =>
    Effect.gen(function* () {
      const site = yield* webSite((asked) => (asked.method === "POST" ? { body: "answered" } : sampled(asked)))
      const { page } = yield* visitor(yield* launch)
      yield* Effect.promise(async () => {
        await page.goto(`${site.origin}/consent/vouched`)
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await Promise.all([page.waitForURL("**/consent"), page.keyboard.press("Enter")])
      })
      const answers = site.asked.filter(({ method }) => method === "POST").map(({ body }) => body)
      assert.deepStrictEqual(answers, ["transaction=t-123&csrf=c-456&decision=deny"])
    })
  )

  it.live.skipIf(chromium === undefined)("does not take the second click of a double click that brought it up", () =>
    visit({}, async ({ page }, open) => {
      await open("/consent/vouched")
      // The time of the page's animations, in place of waiting for it.
      const clickable = (after: number) =>
        page.evaluate(`(() => {
          const allow = document.querySelector('button[value=allow]')
          for (const animation of allow.getAnimations()) { animation.pause(); animation.currentTime = ${after} }
          return getComputedStyle(allow).pointerEvents
        })()`)
      await page.reload()
      assert.deepStrictEqual([await clickable(0), await clickable(499), await clickable(501)], ["none", "none", "auto"])
    })
  )
})
