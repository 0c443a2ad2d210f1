/** Calls of a tool: all targets take turns, round by round, and every answer is looked at. */
import { join } from "node:path"
import * as Load from "../load/Load.ts"
import * as Messages from "../load/Messages.ts"
import { launch, sleep, freePort } from "../machine/Launch.ts"
import { cpu, cpuBetween, type CpuReading } from "../machine/Usage.ts"
import type { Programs } from "../build.ts"
import { nameOf } from "../report/Names.ts"
import type { CallCase, Row } from "../report/Results.ts"
import { serverOptions } from "../targets/plain.ts"
import {
  close,
  type Counted,
  HOST,
  lanes,
  ready,
  refresh,
  type Running,
  type Target,
  type Upstream
} from "../targets/Target.ts"

export interface Size {
  readonly concurrency: number
  readonly bytes: number
}

export interface Effort {
  readonly rounds: number
  /** How long a target is called at a time. */
  readonly millis: number
  /** After so long no further round begins, if there have been three. */
  readonly budgetMillis?: number
  /** Before the first round. */
  readonly warmMillis: number
}

/** How long work may go on after the last answer, such as the writing of an audit trail. */
const AFTERMATH_MILLIS = 250

const MIN_ROUNDS = 3

/** A server behind, running if it is remote. */
export interface Scene {
  readonly upstream: Upstream
  readonly stop: () => Promise<void>
}

export const scene = async (
  programs: Programs,
  kind: Upstream["kind"],
  answers: Messages.Answers,
  era: Messages.Era,
  more: ReadonlyArray<string> = []
): Promise<Scene> => {
  const port = await freePort()
  const upstream: Upstream = {
    kind,
    answers,
    era,
    command: [process.execPath, programs.path("server-stdio"), ...serverOptions({ answers: "json", era }), ...more],
    url: `http://${HOST}:${port}/mcp`
  }
  if (kind === "stdio") return { upstream, stop: () => Promise.resolve() }
  const options = ["--port", String(port), ...serverOptions(upstream), ...more]
  const server = launch(process.execPath, [programs.path("server-http"), ...options])
  await ready(server, { port, path: "/mcp", headers: {} }, upstream)
  return { upstream, stop: server.stop }
}

/** A target that runs, or the reason why it does not. */
export interface Entrant {
  readonly target: Target
  readonly running: Running | undefined
  readonly fails: string
}

/** Where this project lies is nobody's business, and markup would be markup on the page. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replaceAll(PROJECT, ".")
    .replaceAll(/<[^>]*>/gu, " ")
    .replaceAll(/\s+/gu, " ")
    .slice(0, 300)

/** How long, and with how many calls, a target is brought up to its speed before it is measured at all. */
export interface WarmUp {
  /** At least so many. */
  readonly calls: number
  /** Programs of others are given up on after so long. */
  readonly millis: number
  /** Ours, and what it is held against, are called until they get no cheaper: a proxy runs for weeks. At most for so long. */
  readonly ownMillis: number
  /** So many calls are told from so many others by what they cost; 2500, unless there is time for more. */
  readonly block?: number
}

const PROJECT = join(import.meta.dirname, "../..")
const WARM_BYTES = [100, 10 * 1024]
const BLOCK = 2500
/** Got no cheaper: by less than this, so often in a row. */
const GAIN = 0.04
const STEADY_BLOCKS = 2

/** Calls it until its code is compiled, or some time has passed. */
const warm = async (
  { role }: Target,
  running: Running,
  upstream: Upstream,
  { block: size = BLOCK, calls, millis, ownMillis }: WarmUp
): Promise<void> => {
  // Small messages and larger ones may go by different code.
  let lane = 0
  const all = await lanes(running, upstream, 16, (address) =>
    Messages.echo(address, WARM_BYTES[lane++ % WARM_BYTES.length] ?? 0)
  )
  const isOthers = role === "peer" || role === "sdk"
  const deadline = performance.now() + (isOthers ? millis : ownMillis)
  const count = { made: 0, succeeded: 0, failed: 0 }
  const mayGoOn = (): boolean => count.failed === 0 && performance.now() < deadline
  /** Makes so many calls; microseconds for each. */
  const block = async (size: number): Promise<number> => {
    const before = cpu(running.pid)
    const start = count.made
    while (count.made - start < size && mayGoOn()) {
      const { answered, failed } = await Load.run(all, { total: Math.min(250, size - (count.made - start)) })
      count.made += answered
      count.succeeded += answered - failed
      count.failed += failed
    }
    return cpuBetween(before, cpu(running.pid)) / Math.max(1, count.made - start)
  }
  if (isOthers) await block(calls)
  else {
    let least = Number.POSITIVE_INFINITY
    let steady = 0
    while (mayGoOn() && (count.made < calls || steady < STEADY_BLOCKS)) {
      const cost = await block(size)
      steady = cost > least * (1 - GAIN) ? steady + 1 : 0
      least = Math.min(least, cost)
    }
  }
  close(all)
  const problems = (await running.evidence?.check(count.succeeded)) ?? []
  if (problems.length > 0) throw new Error(problems.join("; "))
}

/** Starts all that can stand before the server. */
const startAll = (targets: ReadonlyArray<Target>, upstream: Upstream): Promise<ReadonlyArray<Entrant>> =>
  Promise.all(
    targets
      .filter((target) => target.takes(upstream))
      .map(async (target): Promise<Entrant> => {
        try {
          return { target, running: await target.start(upstream), fails: "" }
        } catch (error) {
          return { target, running: undefined, fails: reasonOf(error) }
        }
      })
  )

/** Starts all, and brings each up to its speed. */
export const enter = async (
  targets: ReadonlyArray<Target>,
  upstream: Upstream,
  warmUp: WarmUp
): Promise<ReadonlyArray<Entrant>> => {
  const entrants: Array<Entrant> = []
  for (const entrant of await startAll(targets, upstream)) {
    const { running, target } = entrant
    try {
      if (running !== undefined) await warm(target, running, upstream, warmUp)
      entrants.push(entrant)
    } catch (error) {
      await running?.stop()
      entrants.push({ target, running: undefined, fails: reasonOf(error) })
    }
  }
  return entrants
}

export const leave = async (entrants: ReadonlyArray<Entrant>): Promise<void> => {
  await Promise.all(entrants.map(({ running }) => running?.stop()))
}

/** One target in one case, while it is measured. */
class Contestant {
  readonly target: Target
  readonly running: Running
  readonly lanes: ReadonlyArray<Load.Lane>
  readonly readings: Array<CpuReading> = []
  readonly slices: Array<Load.Measured> = []
  /** Every call that was answered as it should be, from the first on. */
  succeeded = 0
  fails: string | undefined

  constructor(target: Target, running: Running, all: ReadonlyArray<Load.Lane>) {
    this.target = target
    this.running = running
    this.lanes = all
  }

  async call(until: Load.Until): Promise<Load.Measured> {
    await refresh(this.running, this.lanes)
    const measured = await Load.run(this.lanes, until)
    this.succeeded += measured.answered - measured.failed
    if (measured.failed > 0) this.fails ??= `${measured.failed} wrong answers: ${measured.failures[0]}`
    return measured
  }

  /** Also what a target does after its last answer is its own: its slice ends where its next one begins. */
  read(): void {
    this.readings.push(cpu(this.running.pid))
  }

  row(): Row {
    const { fails, readings, slices, target } = this
    const cpuOf = slices.map(({ answered }, round) => {
      const [before, after] = [readings[round], readings[round + 1]]
      return before === undefined || after === undefined ? Number.NaN : cpuBetween(before, after) / answered
    })
    return {
      target: target.name,
      role: target.role,
      cpu: fails === undefined ? cpuOf : [],
      p50: slices.map(({ latencies }) => Load.quantile(latencies, 0.5)),
      p99: slices.map(({ latencies }) => Load.quantile(latencies, 0.99)),
      perSecond: slices.map(({ answered, seconds }) => answered / seconds),
      calls: slices.reduce((sum, { answered }) => sum + answered, 0),
      ...(fails === undefined ? {} : { fails: reasonOf(fails) })
    }
  }
}

const failed = ({ fails, target }: Entrant): Row => ({
  target: target.name,
  role: target.role,
  cpu: [],
  p50: [],
  p99: [],
  perSecond: [],
  calls: 0,
  fails
})

const isOurs = (target: Target): boolean => target.role === "bare" || target.role === "shipped"

/** What has to hold whatever else is found: our own answers are right, and all of them left their traces. */
const problemsOf = async (
  name: string,
  contestants: ReadonlyArray<Contestant>,
  method: Counted
): Promise<ReadonlyArray<string>> => {
  const problems: Array<string> = []
  for (const { fails, running, succeeded, target } of contestants) {
    if (fails !== undefined && target.role !== "peer" && target.role !== "sdk")
      problems.push(`${name}, ${target.name}: ${fails}`)
    const missing = (await running.evidence?.check(succeeded, method)) ?? []
    problems.push(...missing.map((problem) => `${name}, ${target.name}: ${problem}`))
  }
  return problems
}

export interface Measurement {
  readonly found: CallCase
  readonly problems: ReadonlyArray<string>
}

export interface Options {
  /** What is asked, in place of an echo of so many bytes. */
  readonly prepare?: (address: Messages.Address) => Messages.Prepared
  /** What it counts as. */
  readonly method?: Counted
}

/** Measures all that have entered, in turns. */
export const measure = async (
  entrants: ReadonlyArray<Entrant>,
  upstream: Upstream,
  { bytes, concurrency }: Size,
  { budgetMillis = Infinity, millis, rounds, warmMillis }: Effort,
  { method = "tools/call", prepare = (address) => Messages.echo(address, bytes) }: Options = {}
): Promise<Measurement> => {
  const head = { upstream: upstream.kind, answers: upstream.answers, era: upstream.era, concurrency, bytes }
  const name = nameOf(head)
  const rows = new Map<Target, Row>()
  const contestants: Array<Contestant> = []
  for (const entrant of entrants) {
    const { running, target } = entrant
    if (running === undefined) {
      rows.set(target, failed(entrant))
      continue
    }
    try {
      const contestant = new Contestant(target, running, await lanes(running, upstream, concurrency, prepare))
      // The first of all answers, alone: who cannot do it at all need not be tried again and again.
      await contestant.call({ total: 1 })
      if (contestant.fails === undefined) await contestant.call({ millis: warmMillis })
      contestants.push(contestant)
    } catch (error) {
      rows.set(target, failed({ ...entrant, fails: reasonOf(error) }))
    }
  }
  await sleep(AFTERMATH_MILLIS)
  const own = process.cpuUsage()
  let answered = 0
  const start = performance.now()
  for (let round = 0; round < rounds; round++) {
    if (round >= MIN_ROUNDS && performance.now() - start > budgetMillis) break
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + round) % contestants.length]
      if (contestant === undefined || contestant.fails !== undefined) continue
      contestant.read()
      const slice = await contestant.call({ millis })
      contestant.slices.push(slice)
      answered += slice.answered
    }
  }
  const { system, user } = process.cpuUsage(own)
  await sleep(AFTERMATH_MILLIS)
  for (const contestant of contestants) contestant.read()
  for (const contestant of contestants) rows.set(contestant.target, contestant.row())
  const problems = [
    ...(await problemsOf(name, contestants, method)),
    ...entrants
      .filter(({ running, target }) => running === undefined && isOurs(target))
      .map(({ fails, target }) => `${name}, ${target.name}: ${fails}`)
  ]
  for (const { lanes: all } of contestants) close(all)
  const found: CallCase = {
    ...head,
    rows: entrants.flatMap(({ target }) => rows.get(target) ?? []),
    client: (user + system) / answered
  }
  return { found, problems: problems.filter((one, index) => problems.indexOf(one) === index) }
}
