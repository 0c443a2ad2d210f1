/** Which calls are made, of whom, how often. */
import type { Programs } from "../build.ts"
import type { Answers, Era } from "../load/Messages.ts"
import { nameOf } from "../report/Names.ts"
import { CONCURRENCY, SIZES } from "../report/LastLine.ts"
import type { CallCase } from "../report/Results.ts"
import { median } from "../report/Statistics.ts"
import { figure } from "../report/Tables.ts"
import type { Target, Upstream } from "../targets/Target.ts"
import { type Effort, enter, leave, measure, type Measurement, scene, type Size, type WarmUp } from "./calls.ts"

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
  effort: { rounds: 5, millis: 400, warmMillis: 300, budgetMillis: 12_000 },
  warmUp: { calls: 8000, millis: 3000, ownMillis: 60_000, block: 20_000 }
}

/** What the last line is made of. */
export const quick: Form = {
  groups: [
    { kind: "stdio", answers: "json", era: "legacy", sizes: sizes([CONCURRENCY]) },
    { kind: "http", answers: "json", era: "legacy", sizes: sizes([CONCURRENCY]) }
  ],
  effort: { rounds: 7, millis: 250, warmMillis: 150, budgetMillis: 5000 },
  warmUp: { calls: 5000, millis: 1500, ownMillis: 20_000 }
}

/** The same cases, of ours and the limit only: many short rounds, for it is their differing that tells the noise. */
export const guard: Form = {
  groups: quick.groups,
  effort: { rounds: 15, millis: 200, warmMillis: 200, budgetMillis: 5000 },
  warmUp: { calls: 6000, millis: 1200, ownMillis: 15_000 }
}

/** The same with more patience: what is recorded is held for true. */
export const recording: Form = { ...guard, effort: { ...guard.effort, rounds: 25, budgetMillis: 20_000 } }

/** A case in a line, as it is done. */
export const line = ({ rows, ...head }: CallCase): string =>
  `${nameOf(head)}: ${rows
    .map(({ cpu, fails, role, target }) => {
      const name = role === "peer" ? target : role
      return fails === undefined ? `${name} ${figure(median(cpu))} µs` : `${name} fails`
    })
    .join(", ")}`

/** Measures all cases of a form whose names `isWanted` takes; `found` is told of each as it is done. */
export const run = async (
  programs: Programs,
  targets: ReadonlyArray<Target>,
  { effort, groups, warmUp }: Form,
  isWanted: (name: string) => boolean,
  found: (measured: Measurement) => void
): Promise<void> => {
  for (const { answers, era, kind, sizes } of groups) {
    const wanted = sizes.filter((size) => isWanted(nameOf({ upstream: kind, answers, era, ...size })))
    if (wanted.length === 0) continue
    const { stop, upstream } = await scene(programs, kind, answers, era)
    const entrants = await enter(targets, upstream, warmUp)
    for (const size of wanted) found(await measure(entrants, upstream, size, effort))
    await leave(entrants)
    await stop()
  }
}
