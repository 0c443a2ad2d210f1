/** Which calls are made, of whom, how often. */
import type { Programs } from "../build.ts"
import type { Answers, Era } from "../load/Messages.ts"
import { nameOf } from "../report/Names.ts"
import { CONCURRENCY, SIZES } from "../report/LastLine.ts"
import type { CallCase } from "../report/Results.ts"
import { median } from "../report/Statistics.ts"
import { figure } from "../report/Tables.ts"
import type { Target, Upstream } from "../targets/Target.ts"
import { type Effort, enter, leave, measure, scene, type Size, type WarmUp } from "./calls.ts"

/** The cases before one server: its targets are started once for all of them. */
export interface Group {
  readonly kind: Upstream["kind"]
  readonly answers: Answers
  readonly era: Era
  readonly sizes: ReadonlyArray<Size>
}

export interface Form {
  readonly groups: ReadonlyArray<Group>
  readonly effort: Effort
  readonly warmUp: WarmUp
}

const BYTES = SIZES.map(({ bytes }) => bytes)

const sizes = (concurrencies: ReadonlyArray<number>): ReadonlyArray<Size> =>
  concurrencies.flatMap((concurrency) => BYTES.map((bytes) => ({ concurrency, bytes })))

const KINDS: ReadonlyArray<Pick<Group, "kind" | "answers">> = [
  { kind: "stdio", answers: "json" },
  { kind: "http", answers: "json" },
  { kind: "http", answers: "stream" }
]

/** Everything. */
export const full: Form = {
  groups: KINDS.flatMap(({ answers, kind }) =>
    (["legacy", "modern"] as const).map((era) => ({ kind, answers, era, sizes: sizes([1, 16, 64]) }))
  ),
  effort: { rounds: 5, millis: 500, warmMillis: 300 },
  warmUp: { calls: 6000, millis: 5000 }
}

/** What the last line is made of. */
export const quick: Form = {
  groups: [
    { kind: "stdio", answers: "json", era: "legacy", sizes: sizes([CONCURRENCY]) },
    { kind: "http", answers: "json", era: "legacy", sizes: sizes([CONCURRENCY]) }
  ],
  effort: { rounds: 5, millis: 300, warmMillis: 200 },
  warmUp: { calls: 4000, millis: 1500 }
}

const line = ({ rows, ...head }: CallCase): string =>
  `${nameOf(head)}: ${rows
    .map(({ cpu, fails, role, target }) => {
      const name = role === "peer" ? target : role
      return fails === undefined ? `${name} ${figure(median(cpu))} µs` : `${name} fails`
    })
    .join(", ")}`

export interface Matrix {
  readonly calls: ReadonlyArray<CallCase>
  readonly problems: ReadonlyArray<string>
}

/** Measures all cases of a form whose names `isWanted` takes, and says what it finds as it goes. */
export const run = async (
  programs: Programs,
  targets: ReadonlyArray<Target>,
  { effort, groups, warmUp }: Form,
  isWanted: (name: string) => boolean,
  say: (line: string) => void
): Promise<Matrix> => {
  const calls: Array<CallCase> = []
  const problems: Array<string> = []
  for (const { answers, era, kind, sizes } of groups) {
    const wanted = sizes.filter((size) => isWanted(nameOf({ upstream: kind, answers, era, ...size })))
    if (wanted.length === 0) continue
    const { stop, upstream } = await scene(programs, kind, answers, era)
    const entrants = await enter(targets, upstream, warmUp)
    for (const size of wanted) {
      const measured = await measure(entrants, upstream, size, effort)
      calls.push(measured.found)
      problems.push(...measured.problems)
      say(line(measured.found))
      for (const problem of measured.problems) say(`  PROBLEM ${problem}`)
    }
    await leave(entrants)
    await stop()
  }
  return { calls, problems: [...new Set(problems)] }
}
