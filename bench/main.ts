/** `npm run bench`: measures the proxy beside the least that could stand in its place, and beside others. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import manifest from "../package.json" with { type: "json" }
import { buildPrograms, type Programs } from "./build.ts"
import * as Matrix from "./cases/matrix.ts"
import { machine } from "./machine/Machine.ts"
import { lastLine } from "./report/LastLine.ts"
import type { Results } from "./report/Results.ts"
import { page } from "./report/Tables.ts"
import { ours } from "./targets/ours.ts"
import * as Peers from "./targets/peers.ts"
import { plain } from "./targets/plain.ts"

const USAGE = `npm run bench -- [--quick] [--only PATTERN] [--without-metrics]

  (nothing)          all cases, in about half an hour; writes bench/RESULTS.md, bench/chart.svg and bench/results.json
  --quick            about a minute: what the last line is made of, and nothing else
  --only PATTERN     only cases whose name holds this, such as "stdio legacy 16x100"; * stands for anything
  --without-metrics  do not fail where the proxy has no /metrics; the last line then says so
`

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
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
  const results: Results = {
    started: new Date().toISOString(),
    form: values.quick ? "quick" : "full",
    machine: machine(),
    versions: { [manifest.name]: manifest.version, ...Peers.versions() },
    calls: matrix.calls,
    sections: [],
    problems: matrix.problems
  }
  const here = import.meta.dirname
  if (!values.quick && values.only === undefined) {
    writeFileSync(join(here, "results.json"), JSON.stringify(results))
    writeFileSync(join(here, "RESULTS.md"), page(results))
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
    process.exitCode = await bench(programs)
  } finally {
    programs.remove()
  }
}
