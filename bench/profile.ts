/** `npm run bench -- --profile CASE`: where the proxy's processor time goes while it is called. */
import { readFileSync } from "node:fs"
import { SourceMap, type SourceMapPayload } from "node:module"
import { dirname, join } from "node:path"
import type { Programs } from "./build.ts"
import { scene } from "./cases/calls.ts"
import { servers } from "./cases/lists.ts"
import * as Load from "./load/Load.ts"
import * as Messages from "./load/Messages.ts"
import { option, profileOf } from "./machine/Inspector.ts"
import { freePort, sleep } from "./machine/Launch.ts"
import { byThread, cpu, cpuBetween } from "./machine/Usage.ts"
import { CONCURRENCY, SIZES } from "./report/LastLine.ts"
import * as Profile from "./report/Profile.ts"
import { figure } from "./report/Tables.ts"
import { BUNDLE, ours } from "./targets/ours.ts"
import { close, lanes } from "./targets/Target.ts"

/** Where the lines of the program came from, which the bundle merely starts. */
const PROGRAM_MAP = join(dirname(BUNDLE), "program.js.map")
const WARM_CALLS = 40_000
const MILLIS = 8000
const INTERVAL_MICROS = 250
const SHOWN = 40
const LONGEST_LINE = 1_000_000

/** A source without where this project lies. */
const shortOf = (source: string): string => source.replace(/^.*?(?=(?:node_modules|src)\/)/u, "")

const LISTS = /^tools\/list(?: (\d+))?$/u
const CALLS = /^(stdio|http)(?: (json|stream))?(?: (legacy|modern))? (\d+)x(\w+)(?:, (\d+) sessions)?$/u

/** What is called: a case as it is named in the results, where `json` and `legacy` may be left out. */
const parse = (programs: Programs, wanted: string) => {
  const [isList, count = "10"] = LISTS.exec(wanted) ?? []
  if (isList !== undefined) {
    return {
      kind: "stdio",
      answers: "json",
      era: "legacy",
      concurrency: CONCURRENCY,
      prepare: (address: Messages.Address) => Messages.request(address, "tools/list"),
      servers: servers({ programs }, Number(count)),
      sessions: CONCURRENCY
    } as const
  }
  const [, kind, answers = "json", era = "legacy", concurrency, label, sessions = concurrency] =
    CALLS.exec(wanted) ?? []
  const size = SIZES.find((one) => one.label === label)
  if (size === undefined) {
    const names = [
      "stdio 16x100",
      "http 1x10K",
      "http stream modern 16x1M",
      "stdio 16x100, 1024 sessions",
      "tools/list 50"
    ]
    throw new Error(`--profile: expected one such as ${names.map((name) => JSON.stringify(name)).join(", ")}`)
  }
  return {
    kind: kind === "http" ? "http" : "stdio",
    answers: answers === "stream" ? "stream" : "json",
    era: era === "modern" ? "modern" : "legacy",
    concurrency: Number(concurrency),
    prepare: (address: Messages.Address) => Messages.echo(address, size.bytes),
    servers: undefined,
    sessions: Number(sessions)
  } as const
}

/** Calls the proxy as shipped under V8's sampling profiler, and says what was seen. */
export const profile = async (programs: Programs, wanted: string, say: (line: string) => void): Promise<number> => {
  const { answers, concurrency, era, kind, prepare, servers: given, sessions } = parse(programs, wanted)
  const { stop, upstream } = await scene(programs, kind, answers, era)
  const port = await freePort()
  const running = await ours("shipped", {
    nodeOptions: [option(port)],
    withoutMetrics: true,
    ...(given === undefined ? {} : { servers: given, env: { MCP_LIST_WAIT: "500 ms" } })
  }).start(upstream)
  try {
    const all = await lanes(running, upstream, concurrency, prepare, sessions)
    await Load.run(all, { total: WARM_CALLS })
    const before = cpu(running.pid)
    let answered = 0
    const taken = await profileOf(port, INTERVAL_MICROS, async () => {
      const measured = await Load.run(all, { millis: MILLIS })
      if (measured.failed > 0) throw new Error(measured.failures[0])
      answered = measured.answered
    })
    await sleep(250)
    const after = cpu(running.pid)
    const threads = byThread(running.pid, before, after)
    close(all)
    const map = new SourceMap(JSON.parse(readFileSync(PROGRAM_MAP, "utf8")) as SourceMapPayload)
    const entryAt = (line: number, column: number) => {
      const entry = map.findEntry(line, column)
      return "originalSource" in entry ? entry : undefined
    }
    const profiles = [taken as Profile.CpuProfile]
    const spent = Profile.spent(profiles, (line, column) => entryAt(line, column)?.originalSource)
    const lines = Profile.lines(profiles, (line) => {
      // The last that stands in it: all of a line came from about the same place.
      const entry = entryAt(line, LONGEST_LINE)
      return entry === undefined ? undefined : `${shortOf(entry.originalSource)}:${entry.originalLine + 1}`
    })
    const each = figure(cpuBetween(before, after) / answered)
    say(
      `${wanted}, as shipped: ${answered} requests under the profiler, ${each} µs each, after ${WARM_CALLS} to warm up\n`
    )
    say(`Threads: ${Profile.shares(threads)}. The tables are of the main one.\n`)
    say(Profile.table(spent, lines, SHOWN))
    return 0
  } finally {
    await running.stop()
    await stop()
  }
}
