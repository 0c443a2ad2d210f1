/** What the browser and axe-core say of a page: nothing, or what is wrong and where. */
import { source } from "axe-core"
import type { Page } from "playwright-core"

interface Violation {
  readonly id: string
  readonly nodes: ReadonlyArray<{ readonly html: string }>
}

/** By how many pixels the page is wider than the window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - window.innerWidth")

/** What is wrong with the page as it stands, light and dark, on a phone and on a desk. */
export const faults = async (page: Page): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  // Evaluated by the debugger, which a page's policy does not concern; and once, for it takes longer than a look.
  await page.evaluate(source)
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme })
    for (const width of [320, 390, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      const where = `${new URL(page.url()).pathname}, ${colorScheme}, ${width} px`
      const wider = await overflow(page)
      if (wider > 0) found.push(`${where}: ${wider} px too wide`)
      const violations = await page.evaluate<ReadonlyArray<Violation>>("axe.run().then(({ violations }) => violations)")
      for (const { id, nodes } of violations) for (const { html } of nodes) found.push(`${where}: ${id}: ${html}`)
    }
  }
  return found
}
