/** The pictures: bars for the README, curves for what cost does as work grows. SVG that reads on light and on dark. Pure. */
import type { Results, Row } from "./Results.ts"
import { median, ratio } from "./Statistics.ts"
import { find, KINDS, SIZES } from "./LastLine.ts"

const STYLE = `<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .quiet { fill: #59636e; font-size: 12px }
  .axis { stroke: #d1d9e0; stroke-width: 1 }
  .zero { fill: #59636e } .one { fill: #1a7f37 } .two { fill: #bc4c00 } .three { fill: #8250df }
  .line { fill: none; stroke: #1a7f37; stroke-width: 2 }
  .guide { fill: none; stroke: #59636e; stroke-width: 1; stroke-dasharray: 4 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .quiet { fill: #9198a1 }
    .axis { stroke: #3d444d }
    .zero { fill: #9198a1 } .one { fill: #3fb950 } .two { fill: #f0883e } .three { fill: #ab7df8 }
    .line { stroke: #3fb950 }
    .guide { stroke: #9198a1 }
  }
</style>`

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")

const svg = (width: number, height: number, title: string, parts: ReadonlyArray<string>): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">\n<title>${escaped(title)}</title>\n${STYLE}\n${parts.join("\n")}\n</svg>\n`

const text = (x: number, y: number, words: string, more = ""): string =>
  `<text x="${x}" y="${y}"${more}>${escaped(words)}</text>`

const number = (value: number): string => String(Math.round(value * 10) / 10)

interface Series {
  readonly label: string
  readonly style: string
  readonly pick: (rows: ReadonlyArray<Row>) => Row | undefined
}

const sound = ({ cpu, fails }: Row): boolean => fails === undefined && cpu.length > 0

const byRole =
  (role: Row["role"]) =>
  (rows: ReadonlyArray<Row>): Row | undefined =>
    rows.filter((row) => row.role === role && sound(row)).sort((a, b) => median(a.cpu) - median(b.cpu))[0]

const SERIES: ReadonlyArray<Series> = [
  { label: "this proxy, as shipped", style: "one", pick: byRole("shipped") },
  { label: "the best npm peer", style: "two", pick: byRole("peer") },
  { label: "a proxy made of the official SDK", style: "three", pick: byRole("sdk") }
]

const WIDTH = 820
const LEFT = 130
const RIGHT = 70
const BAR = 16
const GAP = 22

/** How many times the processor time of the limit each takes, in the six cases of the last line. */
export const bars = (results: Results): string => {
  const groups = KINDS.flatMap((kind) =>
    SIZES.map(({ bytes, label }) => {
      const rows = find(results.calls, kind, bytes)?.rows ?? []
      const limit = byRole("limit")(rows)
      const values = SERIES.map(({ pick }) => {
        const row = pick(rows)
        return row === undefined || limit === undefined ? undefined : ratio(row.cpu, limit.cpu).value
      })
      return { name: `${kind}, ${label}B`, values }
    })
  )
  const highest = Math.max(2, ...groups.flatMap(({ values }) => values.map((value) => value ?? 1)))
  const at = (value: number): number =>
    LEFT + ((WIDTH - LEFT - RIGHT) * Math.log(Math.max(1, value))) / Math.log(highest)
  const top = 84
  const height = top + groups.length * (SERIES.length * BAR + GAP) + 10
  const ticks = [1, 2, 5, 10, 20, 50, 100].filter((tick) => tick <= highest)
  const axis = ticks.flatMap((tick) => [
    `<line class="axis" x1="${number(at(tick))}" y1="${top - 12}" x2="${number(at(tick))}" y2="${height - 14}"/>`,
    text(at(tick), top - 16, `${tick}×`, ' class="quiet" text-anchor="middle"')
  ])
  const legend = SERIES.flatMap(({ label, style }, index) => {
    const x = LEFT + index * 215
    return [`<rect class="${style}" x="${x}" y="34" width="12" height="12" rx="2"/>`, text(x + 18, 45, label)]
  })
  const bar = (value: number | undefined, index: number, y: number): string => {
    if (value === undefined) return text(LEFT + 6, y + 12, "fails", ' class="quiet"')
    const width = number(Math.max(2, at(value) - LEFT))
    const drawn = `<rect class="${SERIES[index]?.style}" x="${LEFT}" y="${y}" width="${width}" height="${BAR - 3}" rx="2"/>`
    return `${drawn}\n${text(at(value) + 6, y + 12, `${value.toFixed(1)}×`, ' class="quiet"')}`
  }
  const drawn = groups.map(({ name, values }, group) => {
    const y = top + group * (SERIES.length * BAR + GAP)
    const label = text(LEFT - 12, y + (SERIES.length * BAR) / 2 + 4, name, ' text-anchor="end"')
    return [label, ...values.map((value, index) => bar(value, index, y + index * BAR))].join("\n")
  })
  const title = "Processor time per call, as a multiple of the least that Node can do"
  return svg(WIDTH, height, title, [text(LEFT, 20, title, ' class="title"'), ...legend, ...axis, ...drawn])
}

/** How cost goes with work: points, and what they are called. */
export interface Curve {
  readonly title: string
  readonly x: string
  /** Work, and microseconds for each request. */
  readonly points: ReadonlyArray<readonly [number, number]>
  readonly verdict: string
}

const PANEL = { width: 400, height: 250, left: 56, right: 20, top: 50, bottom: 46 }

const scale = (values: ReadonlyArray<number>, from: number, to: number): ((value: number) => number) => {
  const low = Math.log(Math.min(...values))
  const high = Math.log(Math.max(...values))
  return (value) => from + ((to - from) * (Math.log(value) - low)) / (high - low || 1)
}

const short = (value: number): string => {
  if (value >= 1_000_000) return `${value / 1_000_000}M`
  return value >= 1000 ? `${Math.round(value / 100) / 10}K` : String(Math.round(value))
}

const panel = ({ points, title, verdict, x }: Curve, left: number, top: number): ReadonlyArray<string> => {
  const { bottom, height, width } = PANEL
  const xs = points.map(([work]) => work)
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return []
  const linear = first[1] * (last[0] / first[0])
  const ys = [...points.map(([, cost]) => cost), first[1] * 2]
  const atX = scale(xs, left + PANEL.left, left + width - PANEL.right)
  const atY = scale(ys, top + height - bottom, top + PANEL.top)
  const path = points.map(([work, cost]) => `${number(atX(work))},${number(atY(cost))}`).join(" ")
  // The guide is cut where it leaves the panel.
  const ceiling = Math.max(...ys)
  const reach = linear <= ceiling ? last[0] : first[0] * (ceiling / first[1])
  return [
    text(left + PANEL.left, top + 20, title, ' class="title"'),
    text(left + PANEL.left, top + 38, verdict, ' class="quiet"'),
    `<polyline class="guide" points="${number(atX(first[0]))},${number(atY(first[1]))} ${number(atX(reach))},${number(atY(Math.min(linear, ceiling)))}"/>`,
    `<polyline class="line" points="${path}"/>`,
    ...points.flatMap(([work, cost]) => [
      `<circle class="one" cx="${number(atX(work))}" cy="${number(atY(cost))}" r="3.5"/>`,
      text(atX(work), top + height - bottom + 18, short(work), ' class="quiet" text-anchor="middle"'),
      text(atX(work), atY(cost) - 8, short(cost), ' class="quiet" text-anchor="middle"')
    ]),
    `<line class="axis" x1="${left + PANEL.left}" y1="${top + height - bottom}" x2="${left + width - PANEL.right}" y2="${top + height - bottom}"/>`,
    text(left + width - PANEL.right, top + height - bottom + 36, x, ' class="quiet" text-anchor="end"')
  ]
}

/** All curves, two in a row; both axes logarithmic, the dashed line is linear growth. */
export const curves = (all: ReadonlyArray<Curve>): string => {
  const rows = Math.ceil(all.length / 2)
  return svg(
    2 * PANEL.width,
    rows * PANEL.height,
    "Processor time per request as work grows",
    all.flatMap((curve, index) => panel(curve, (index % 2) * PANEL.width, Math.floor(index / 2) * PANEL.height))
  )
}
