/** `npm run bench -- --guard`: fails where a ratio to the limit is worse than the recorded one by more than the noise. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Programs } from "./build.ts"
import * as Matrix from "./cases/matrix.ts"
import * as Guard from "./report/Guard.ts"
import { ratios } from "./report/LastLine.ts"
import type { CallCase } from "./report/Results.ts"
import type { Ratio } from "./report/Statistics.ts"
import { ours } from "./targets/ours.ts"
import { plain } from "./targets/plain.ts"

const PATH = join(import.meta.dirname, "recorded.json")

interface Options {
  readonly withoutMetrics: boolean
  readonly say: (line: string) => void
}

const look = async (
  programs: Programs,
  { say, withoutMetrics }: Options,
  form: Matrix.Form,
  isWanted: (name: string) => boolean
) => {
  const targets = [...plain(programs).filter(({ role }) => role === "limit"), ours("shipped", { withoutMetrics })]
  const calls: Array<CallCase> = []
  const problems = new Set<string>()
  await Matrix.run(programs, targets, form, isWanted, (measured) => {
    calls.push(measured.found)
    say(Matrix.line(measured.found))
    for (const problem of measured.problems) problems.add(problem)
  })
  return { found: ratios(calls), problems: [...problems] }
}

const recorded = (): Guard.Recorded => JSON.parse(readFileSync(PATH, "utf8")) as Guard.Recorded

/** Runs that are recorded: machines differ by more from one to the next than rounds of one do. */
const RUNS = 3

/** Writes down what is measured now: of several runs, for each ratio the highest. */
export const record = async (programs: Programs, options: Options): Promise<number> => {
  const runs: Array<ReadonlyMap<string, Ratio>> = []
  while (runs.length < RUNS) {
    const { found, problems } = await look(programs, options, Matrix.recording, () => true)
    if (problems.length > 0) return 1
    runs.push(found)
  }
  const values = Guard.highest(runs)
  writeFileSync(PATH, `${JSON.stringify(values, null, 2)}\n`)
  options.say(`${PATH} written: ${JSON.stringify(values)}`)
  return 0
}

/** The exit code. What looks worse is looked at once more, longer, before that is said. */
export const guard = async (programs: Programs, options: Options): Promise<number> => {
  const { say } = options
  const first = await look(programs, options, Matrix.guard, () => true)
  let judged = Guard.judgeAll(first.found, recorded())
  let { problems } = first
  const doubtful = new Set(judged.filter(({ isWorse }) => isWorse).map(({ name }) => name))
  if (doubtful.size > 0 && problems.length === 0) {
    for (const one of judged.filter(({ isWorse }) => isWorse)) say(`${Guard.line(one)}: once more`)
    const isWanted = (name: string): boolean => [...doubtful].some((one) => isCalled(name, one))
    const again = await look(programs, options, Matrix.guard, isWanted)
    judged = Guard.judgeAll(Guard.better(first.found, again.found), recorded())
    problems = again.problems
  }
  for (const one of judged) say(Guard.line(one))
  for (const problem of problems) say(`PROBLEM ${problem}`)
  return problems.length === 0 && judged.every(({ isWorse }) => !isWorse) ? 0 : 1
}

/** Is a case the one of a ratio's name? "stdio legacy 16x100" is "stdio 16x100". */
const isCalled = (name: string, ratio: string): boolean => {
  const [kind = "", size = ""] = ratio.split(" ")
  return name.startsWith(`${kind} `) && name.endsWith(` ${size}`)
}
