/** `npm run bench`: measures the proxy beside the least that could stand in its place, and beside others. */
import { writeFileSync } from "node:fs"
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
import type { Case } from "./cases/section.ts"
import { sessions } from "./cases/sessions.ts"
import { start } from "./cases/start.ts"
import { tokens } from "./cases/tokens.ts"
import { growth } from "./growth.ts"
import * as Guard from "./guard.ts"
import { machine } from "./machine/Machine.ts"
import { bars } from "./report/Chart.ts"
import { lastLine } from "./report/LastLine.ts"
import type { Results, Section } from "./report/Results.ts"
import { page, sectionText } from "./report/Tables.ts"
import { ours } from "./targets/ours.ts"
import * as Peers from "./targets/peers.ts"
import { plain } from "./targets/plain.ts"

const USAGE = `npm run bench -- [--quick] [--only PATTERN] [--guard | --record | --growth] [--without-metrics]

  (nothing)          all cases, in about half an hour; writes bench/RESULTS.md, bench/chart.svg and bench/results.json
  --quick            about a minute: what the last line is made of, and nothing else
  --only PATTERN     only cases whose name holds this, such as "stdio legacy 16x100"; * stands for anything
  --guard            about a minute, without peers: fails where a ratio to the limit is worse than in bench/recorded.json
                     by more than the noise of this run
  --record           measures the same with more patience, and writes bench/recorded.json
  --growth           cost against payloads, servers, sessions and tools; writes bench/growth.md and bench/growth.svg
  --without-metrics  do not fail where the proxy has no /metrics; the last line then says so
`

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    guard: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    growth: { type: "boolean", default: false },
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

const bench = async (programs: Programs): Promise<number> => {
  const withoutMetrics = values["without-metrics"]
  const isWanted = matching(values.only)
  Peers.installPeers()
  const plainTargets = plain(programs)
  const targets = values.quick
    ? plainTargets.filter(({ role }) => role === "limit")
    : [...plainTargets, ours("bare", {})]
  const matrix = await Matrix.run(
    programs,
    [...targets, ours("shipped", { withoutMetrics }), ...Peers.peers],
    values.quick ? Matrix.quick : Matrix.full,
    isWanted,
    say
  )
  const sections: Array<Section> = []
  const problems = [...matrix.problems]
  for (const one of values.quick ? [] : CASES.filter(({ name }) => isWanted(name))) {
    const found = await one.run({ programs, withoutMetrics, say })
    sections.push(found.section)
    problems.push(...found.problems)
    say(sectionText(found.section))
    for (const problem of found.problems) say(`  PROBLEM ${problem}`)
  }
  const results: Results = {
    started: new Date().toISOString(),
    form: values.quick ? "quick" : "full",
    machine: machine(),
    versions: { [manifest.name]: manifest.version, ...Peers.versions() },
    calls: matrix.calls,
    sections,
    problems
  }
  const here = import.meta.dirname
  if (!values.quick && values.only === undefined) {
    writeFileSync(join(here, "results.json"), JSON.stringify(results))
    writeFileSync(join(here, "RESULTS.md"), page(results))
    writeFileSync(join(here, "chart.svg"), bars(results))
  } else say(`\n${page(results)}`)
  for (const problem of results.problems) say(`PROBLEM ${problem}`)
  const line = lastLine(results)
  if (line === undefined) return results.problems.length === 0 && values.only !== undefined ? 0 : 1
  if (results.problems.length > 0) {
    say("The last line is not printed, for there are problems.")
    return 1
  }
  say(withoutMetrics ? line.replace("bench:", "bench (without metrics):") : line)
  return 0
}

if (values.help) console.log(USAGE)
else {
  const programs = await buildPrograms()
  try {
    const options = { withoutMetrics: values["without-metrics"], say }
    if (values.growth) process.exitCode = await growth(programs, say)
    else if (values.guard) process.exitCode = await Guard.guard(programs, options)
    else if (values.record) process.exitCode = await Guard.record(programs, options)
    else process.exitCode = await bench(programs)
  } finally {
    programs.remove()
  }
}
