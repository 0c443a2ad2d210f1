/** Is it slower than it was? What is recorded, what this run allows, and the verdict. Pure. */
import type { Ratio } from "./Statistics.ts"

/** Ratios to the limit, by the names of `LastLine.keyOf`. */
export type Recorded = Readonly<Record<string, number>>

/** What machines differ by, and what runs of one differ by that no round of either shows. */
export const FLOOR = 0.25

/** Standard errors beyond which chance is no explanation. */
export const SIGMAS = 3

export interface Judged {
  readonly name: string
  readonly measured: Ratio
  readonly recorded: number
  /** The highest that passes. */
  readonly allowed: number
  readonly isWorse: boolean
}

/** Holds one ratio against what was recorded. What this run's own rounds differ by widens what is allowed. */
export const judge = (name: string, measured: Ratio, recorded: number): Judged => {
  const allowed = recorded * (1 + FLOOR) + SIGMAS * measured.error
  return { name, measured, recorded, allowed, isWorse: !(measured.value <= allowed) }
}

/** All that is recorded; what was not measured fails too. */
export const judgeAll = (measured: ReadonlyMap<string, Ratio>, recorded: Recorded): ReadonlyArray<Judged> =>
  Object.entries(recorded).map(([name, value]) =>
    judge(name, measured.get(name) ?? { value: Number.NaN, error: Number.NaN }, value)
  )

/** What is recorded of several runs: for each ratio the highest. */
export const highest = (runs: ReadonlyArray<ReadonlyMap<string, Ratio>>): Recorded => {
  const values: Record<string, number> = {}
  for (const run of runs) {
    for (const [name, { value }] of run) values[name] = Math.max(values[name] ?? 0, Math.round(value * 100) / 100)
  }
  return values
}

/** Of what was measured twice the better: what has become slower is so both times. */
export const better = (
  first: ReadonlyMap<string, Ratio>,
  again: ReadonlyMap<string, Ratio>
): ReadonlyMap<string, Ratio> => {
  const merged = new Map(first)
  for (const [name, ratio] of again) {
    const before = first.get(name)
    if (before === undefined || ratio.value < before.value) merged.set(name, ratio)
  }
  return merged
}

export const line = ({ allowed, isWorse, measured, name, recorded }: Judged): string =>
  `${isWorse ? "WORSE" : "ok   "} ${name.padEnd(13)} ${measured.value.toFixed(2)} ± ${measured.error.toFixed(2)} limit, recorded ${recorded.toFixed(2)}, allowed ${allowed.toFixed(2)}`
