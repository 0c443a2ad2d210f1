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
const TOLERANCE = 0.2

/** Less than this, of the least cost, is no growth that could be told from noise. */
const NOTICEABLE = 0.25

/** The exponent over all; and that of what comes on top of the least, which what is constant does not hide. */
export const exponents = ({ points }: Measured): { readonly all: number; readonly added: number } => {
  const [least = 0] = points[0] ?? []
  const base = Math.min(...points.map(([, cost]) => cost))
  const added = points
    .slice(1)
    .map(([work, cost]) => [work - least, cost - base] as const)
    .filter(([, cost]) => cost > NOTICEABLE * base)
  // Where the last point is not dearer, no other was for the work's sake.
  const isGrowth = added.length > 1 && added.at(-1)?.[0] === (points.at(-1)?.[0] ?? 0) - least
  return { all: exponent(points), added: isGrowth ? exponent(added) : 0 }
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
