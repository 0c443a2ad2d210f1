/** `npm run bench`: measures the proxy beside the least that could stand in its place, and beside others. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import manifest from "../package.json" with { type: "json" }
import { buildPrograms, type Programs } from "./build.ts"
import * as Matrix from "./cases/matrix.ts"
import { large } from "./cases/large.ts"
import { lists } from "./cases/lists.ts"
import { memoryOverTime } from "./cases/memory.ts"
import { progress } from "./cases/progress.ts"
import { reload } from "./cases/reload.ts"
import type { Case, Context, Found } from "./cases/section.ts"
import { sessions } from "./cases/sessions.ts"
import { start } from "./cases/start.ts"
import { tokens } from "./cases/tokens.ts"
import { growth } from "./growth.ts"
import * as Guard from "./guard.ts"
import { machine } from "./machine/Machine.ts"
import { profile } from "./profile.ts"
import { bars } from "./report/Chart.ts"
import { lastLine } from "./report/LastLine.ts"
import { nameOf } from "./report/Names.ts"
import type { CallCase, Results, Section } from "./report/Results.ts"
import { page, sectionText } from "./report/Tables.ts"
import { ours } from "./targets/ours.ts"
import * as Peers from "./targets/peers.ts"
import { effectEcho, plain } from "./targets/plain.ts"

const USAGE = `npm run bench -- [--quick] [--only PATTERN | --again PATTERN] [--guard | --record | --growth | --profile CASE] [--without-metrics]

  (nothing)          all cases, in about half an hour; writes bench/RESULTS.md, bench/chart.svg and bench/results.json
  --quick            about a minute: what the last line is made of, and nothing else
  --only PATTERN     only cases whose name holds this, such as "stdio legacy 16x100"; * stands for anything
  --again PATTERN    those cases once more, in place of what bench/results.json has of them; writes the page anew
  --guard            about a minute, without peers: fails where a ratio to the limit is worse than in bench/recorded.json
                     by more than the noise of this run
  --record           measures the same three times with more patience, and writes the highest into bench/recorded.json
  --growth           cost against payloads, servers, sessions and tools; writes bench/growth.md and bench/growth.svg
  --profile CASE     where the proxy's processor time goes, by room and function, in a case such as "stdio 16x100"
  --without-metrics  do not fail where the proxy has no /metrics; the last line then says so

BENCH_BUNDLE names another build of dist/main.js to be measured.
`

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    again: { type: "string" },
    guard: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    growth: { type: "boolean", default: false },
    profile: { type: "string" },
    "without-metrics": { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})

const say = (line: string): void => console.log(line)

/** Does a name hold the pattern? */
const matching = (pattern: string | undefined): ((name: string) => boolean) => {
  if (pattern === undefined) return () => true
  const parts = pattern.split("*").map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/gu, "\\$&"))
  const wanted = new RegExp(parts.join(".*"), "u")
  return (name) => wanted.test(name)
}

const CASES: ReadonlyArray<Case> = [start, memoryOverTime, lists, sessions, progress, tokens, reload, large]

/** One case; what stops it is a problem, and not the end of the others. */
const attempt = async (one: Case, context: Context): Promise<Found> => {
  try {
    return await one.run(context)
  } catch (error) {
    const reason = (error as Error).message.slice(0, 500)
    const section = { title: one.name, about: "It could not be measured.", columns: [], figures: [], skipped: reason }
    return { section, problems: [`${one.name}: ${reason}`] }
  }
}

const HERE = import.meta.dirname

/** What a whole run leaves behind, written anew after each case, so that a run that is stopped leaves what it has. */
const write = (results: Results): void => {
  writeFileSync(join(HERE, "results.json"), JSON.stringify(results))
  writeFileSync(join(HERE, "RESULTS.md"), page(results))
  writeFileSync(join(HERE, "chart.svg"), bars(results))
}

/** What an earlier run has of the cases that are not to be measured again. */
const formerly = (isAgain: (name: string) => boolean): Results => {
  const results = JSON.parse(readFileSync(join(HERE, "results.json"), "utf8")) as Results
  return {
    ...results,
    calls: results.calls.filter((one) => !isAgain(nameOf(one))),
    sections: results.sections.filter(({ name = "" }) => !isAgain(name)),
    problems: results.problems.filter((problem) => !isAgain(problem))
  }
}

const bench = async (programs: Programs): Promise<number> => {
  const { again, only, quick } = values
  const withoutMetrics = values["without-metrics"]
  const isWanted = matching(again ?? only)
  const isWhole = !quick && only === undefined
  const former = again === undefined ? undefined : formerly(isWanted)
  Peers.installPeers()
  const own = plain(programs)
  const targets = quick ? own.filter(({ role }) => role === "limit") : [...own, effectEcho(programs), ours("bare")]
  const now = new Date().toISOString()
  const started = former === undefined ? now : `${former.started}; ${again} again at ${now}`
  const calls: Array<CallCase> = [...(former?.calls ?? [])]
  const sections: Array<Section> = [...(former?.sections ?? [])]
  const problems = new Set<string>(former?.problems)
  const results = (): Results => ({
    started,
    form: quick ? "quick" : "full",
    machine: machine(),
    versions: { [manifest.name]: manifest.version, ...Peers.versions() },
    calls,
    sections,
    problems: [...problems]
  })
  const found = (wrong: ReadonlyArray<string>): void => {
    for (const problem of wrong) {
      if (!problems.has(problem)) say(`  PROBLEM ${problem}`)
      problems.add(problem)
    }
    if (isWhole) write(results())
  }
  await Matrix.run(
    programs,
    [...targets, ours("shipped", { withoutMetrics }), ...Peers.peers],
    quick ? Matrix.quick : Matrix.full,
    isWanted,
    (measured) => {
      calls.push(measured.found)
      say(Matrix.line(measured.found))
      found(measured.problems)
    }
  )
  for (const one of quick ? [] : CASES.filter(({ name }) => isWanted(name))) {
    const { problems: wrong, section } = await attempt(one, { programs, withoutMetrics, say })
    sections.push({ ...section, name: one.name })
    say(`\n${sectionText(section)}\n`)
    // Under its name, so that they are found when it is measured again.
    found(wrong.map((problem) => (problem.startsWith(one.name) ? problem : `${one.name}: ${problem}`)))
  }
  if (!isWhole) say(`\n${page(results())}`)
  return conclude(results(), { withoutMetrics, isPart: only !== undefined })
}

/** Says the last line, if it may be said; the exit code. */
const conclude = (
  results: Results,
  { isPart, withoutMetrics }: { readonly isPart: boolean; readonly withoutMetrics: boolean }
): number => {
  for (const problem of results.problems) say(`PROBLEM ${problem}`)
  const line = lastLine(results)
  if (results.problems.length > 0) {
    say("There are problems, so there is no last line.")
    return 1
  }
  if (line === undefined) return isPart ? 0 : 1
  say(withoutMetrics ? line.replace("bench:", "bench (without metrics):") : line)
  return 0
}

if (values.help) console.log(USAGE)
else {
  const programs = await buildPrograms()
  try {
    const options = { withoutMetrics: values["without-metrics"], say }
    if (values.profile !== undefined) process.exitCode = await profile(programs, values.profile, say)
    else if (values.growth) process.exitCode = await growth(programs, say)
    else if (values.guard) process.exitCode = await Guard.guard(programs, options)
    else if (values.record) process.exitCode = await Guard.record(programs, options)
    else process.exitCode = await bench(programs)
  } finally {
    programs.remove()
  }
}
