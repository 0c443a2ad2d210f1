/** How cost grows with work, and whether that is linear or better. Pure. */
import type { Machine } from "../machine/Machine.ts"
import type { Curve } from "./Chart.ts"
import { exponent } from "./Statistics.ts"
import { figure, table } from "./Tables.ts"

export interface Measured {
  /** Work, and microseconds of processor time for each request. */
  readonly points: ReadonlyArray<readonly [number, number]>
  readonly problems: ReadonlyArray<string>
}

export interface Series extends Measured {
  /** What is requested. */
  readonly title: string
  /** What there is more and more of. */
  readonly x: string
}

/** What measuring may be wrong by. */
const TOLERANCE = 0.15

/** Less than this, of the first point's cost, is no growth that could be told from noise. */
const NOTICEABLE = 0.25

/** The exponent over all; and that of what comes on top of the first point, which what is constant does not hide. */
export const exponents = ({ points }: Measured): { readonly all: number; readonly added: number } => {
  const [first, ...rest] = points
  if (first === undefined) return { all: Number.NaN, added: Number.NaN }
  const [least, base] = first
  const added = rest.map(([work, cost]) => [work - least, cost - base] as const).filter(([, cost]) => cost > 0)
  const isNoticeable = (added.at(-1)?.[1] ?? 0) > NOTICEABLE * base
  return { all: exponent(points), added: isNoticeable && added.length > 1 ? exponent(added) : 0 }
}

const worst = (series: Measured): number => {
  const { added, all } = exponents(series)
  return Math.max(all, added)
}

/** Is cost linear in work, or better? */
export const isLinear = (series: Measured): boolean => worst(series) <= 1 + TOLERANCE

const verdict = (series: Measured): string => {
  const { added, all } = exponents(series)
  const word = isLinear(series) ? (worst(series) <= TOLERANCE ? "constant" : "linear or better") : "worse than linear"
  return `${word} (exponent ${all.toFixed(2)}, of the growth ${added.toFixed(2)})`
}

export const curve = (series: Series): Curve => ({
  title: `${series.title} × ${series.x}`,
  x: series.x,
  points: series.points,
  verdict: verdict(series)
})

export const line = (series: Series): string =>
  `${series.title}, ${series.x}: ${series.points.map(([work, cost]) => `${work} ${figure(cost)} µs`).join(", ")}: ${verdict(series)}`

/** The table, for docs/performance.md. */
export const page = (all: ReadonlyArray<Series>, { cores, node, processor }: Machine, when: string): string =>
  [
    "# Cost against work",
    `Written by \`npm run bench -- --growth\` at ${when}; ${cores} cores (${processor}), Node ${node}. Processor time of the proxy as shipped for each request, at concurrency 16. The exponent b of cost ~ work^b is fitted over all points, and over what comes on top of the first, which what is constant does not hide: 1 is linear, 0 is no growth.`,
    table(
      ["request", "work", "CPU µs/request", "exponent", "of the growth", "is"],
      all.map((series) => {
        const { added, all: whole } = exponents(series)
        return [
          series.title,
          series.x,
          series.points.map(([work, cost]) => `${work}: ${figure(cost)}`).join(", "),
          whole.toFixed(2),
          added.toFixed(2),
          isLinear(series) ? "linear or better" : "**worse than linear**"
        ]
      })
    ),
    "![Cost against work](growth.svg)"
  ].join("\n\n") + "\n"
