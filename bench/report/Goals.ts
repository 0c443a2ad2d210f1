/** What was promised, and what came of it. Pure. */

import { CONCURRENCY, overLimit, peerOverOurs } from "./LastLine.ts"
import { nameOf } from "./Names.ts"
import type { CallCase, Results, Row } from "./Results.ts"
import { ratio } from "./Statistics.ts"

export interface Goal {
  readonly what: string
  readonly goal: number
  /** Above this the promise is broken. */
  readonly bound: number
  readonly measured: number | undefined
}

const OVER_LIMIT: ReadonlyMap<number, readonly [number, number]> = new Map([
  [100, [1.5, 2]],
  [10_000, [1.3, 1.6]],
  [1_000_000, [1.15, 1.3]]
])

const isPlain = ({ answers, era }: CallCase): boolean => answers === "json" && era === "legacy"

const soundRow = ({ rows }: CallCase, role: Row["role"]): Row | undefined =>
  rows.find((row) => row.role === role && row.fails === undefined)

const latency = (found: CallCase, which: "p50" | "p99"): number | undefined => {
  const [shipped, limit] = [soundRow(found, "shipped"), soundRow(found, "limit")]
  return shipped === undefined || limit === undefined ? undefined : ratio(shipped[which], limit[which]).value
}

/** Of a section, a value of the first row whose name holds all these words. */
const valueOf = (
  { sections }: Results,
  title: string,
  words: ReadonlyArray<string>,
  column: string
): number | undefined => {
  const figures = sections.find((section) => section.title.startsWith(title))?.figures ?? []
  const found = figures.find(({ target }) => words.every((word) => target.includes(word)))?.values[column]
  return typeof found === "number" ? found : undefined
}

const divided = (above: number | undefined, below: number | undefined): number | undefined =>
  above === undefined || below === undefined ? undefined : above / below

const less = (above: number | undefined, below: number | undefined): number | undefined =>
  above === undefined || below === undefined ? undefined : above - below

const ofCase = (found: CallCase): ReadonlyArray<Goal> => {
  const name = nameOf(found)
  const { bytes, concurrency } = found
  const [goal, bound] = OVER_LIMIT.get(bytes) ?? [Number.NaN, Number.NaN]
  const [share, most] = concurrency >= CONCURRENCY ? [0.25, 1 / 3] : [0.5, 0.6]
  const peer = divided(1, peerOverOurs(found)?.value)
  const ofPeer = { what: `CPU, ${name}: of the best npm peer's`, goal: share, bound: most, measured: peer }
  if (concurrency === CONCURRENCY) {
    return [{ what: `CPU, ${name}: of the limit's`, goal, bound, measured: overLimit(found)?.value }, ofPeer]
  }
  if (concurrency !== 1 || bytes !== 100) return [ofPeer]
  return [
    ofPeer,
    { what: `p50, ${name}: of the limit's`, goal: 1.3, bound: 1.8, measured: latency(found, "p50") },
    { what: `p99, ${name}: of the limit's`, goal: 2, bound: 3, measured: latency(found, "p99") }
  ]
}

const calls = (results: Results): ReadonlyArray<Goal> => results.calls.filter(isPlain).flatMap(ofCase)

const lists = (results: Results): ReadonlyArray<Goal> =>
  [3, 10, 50].flatMap((count) =>
    (["of the limit's", "p99 of the limit's"] as const).map((column) => ({
      what: `tools/list, ${count} servers: ${column === "of the limit's" ? "CPU of node:http's" : "p99 of node:http's"}`,
      goal: 1.5,
      bound: 2.5,
      measured: valueOf(results, "tools/list", [`${count} servers`, "as shipped"], column)
    }))
  )

const SHIPPED = ["ours, as shipped"]

const others = (results: Results): ReadonlyArray<Goal> => [
  {
    what: "start to listening: of node -e 0",
    goal: 4,
    bound: 7,
    measured: divided(
      valueOf(results, "Start", SHIPPED, "ms to listening"),
      valueOf(results, "Start", ["node -e 0"], "ms to listening")
    )
  },
  {
    what: "idle memory: MB more than an Effect echo server",
    goal: 20,
    bound: 45,
    measured: less(
      valueOf(results, "Start", SHIPPED, "idle, resident MB"),
      valueOf(results, "Start", ["Effect echo"], "idle, resident MB")
    )
  },
  {
    what: "KB per idle session",
    goal: 10,
    bound: 25,
    measured: valueOf(results, "Open sessions", ["1000 sessions", "as shipped"], "heap KB/session")
  },
  {
    what: "growth of the live heap over 100,000 calls, %",
    goal: 0,
    bound: 5,
    measured: valueOf(results, "Memory over", SHIPPED, "heap growth %")
  },
  ...(["stdio", "http"] as const).flatMap((kind) =>
    (["answers", "requests"] as const).flatMap((direction) =>
      [1, 8].map((count) => ({
        what: `${kind}, ${count} ${direction} of 64 MiB: peak − idle, of the bytes in flight`,
        goal: 2.5,
        bound: 4,
        measured: valueOf(results, "Messages near", [`${kind}, ${count} ${direction}`, "as shipped"], "of the bytes")
      }))
    )
  )
]

/** All goals that the form of the run has figures for, or should have. */
export const goals = (results: Results): ReadonlyArray<Goal> =>
  results.form === "full" ? [...calls(results), ...lists(results), ...others(results)] : calls(results)

/** Where a goal stands. */
export const standing = ({ bound, goal, measured }: Goal): string => {
  if (measured === undefined || Number.isNaN(measured)) return "not measured"
  if (measured <= goal) return "reached"
  return measured <= bound ? "within bounds" : "**missed**"
}
