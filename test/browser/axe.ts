/** What axe-core says of a page: nothing, or what is wrong and where. */
import axe from "axe-core"
import type { Page } from "playwright-core"

export const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  // Evaluated by the debugger, which a page's policy does not concern.
  await page.evaluate(axe.source)
  const found: ReadonlyArray<{ readonly id: string; readonly nodes: ReadonlyArray<{ readonly html: string }> }> =
    await page.evaluate("axe.run().then(({ violations }) => violations)")
  return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

/** By how many pixels the page is wider than the window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
