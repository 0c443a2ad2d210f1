/** `npm run bench -- --growth`: what a request costs as payloads, servers, sessions and tools become more. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Programs } from "./build.ts"
import { scene } from "./cases/calls.ts"
import * as Load from "./load/Load.ts"
import * as Messages from "./load/Messages.ts"
import { sleep } from "./machine/Launch.ts"
import { machine } from "./machine/Machine.ts"
import { cpu, cpuBetween } from "./machine/Usage.ts"
import { curves } from "./report/Chart.ts"
import * as Growth from "./report/Growth.ts"
import { median } from "./report/Statistics.ts"
import { serverEntry, startOurs } from "./targets/ours.ts"
import { close, lanes, type Prepare, refresh, type Running } from "./targets/Target.ts"

const FRONT = { answers: "json", era: "legacy" } as const
const CONCURRENCY = 16
const ROUNDS = 5
const MILLIS = 400
/** Before the first round, each point. */
const WARM_MILLIS = 1500

/** One point: what is called, of whom, by how many sessions. */
interface Point {
  readonly work: number
  readonly running: Running
  readonly prepare: Prepare
  readonly sessions?: number
}

const warm = async (running: Running): Promise<void> => {
  const all = await lanes(running, FRONT, CONCURRENCY, (address) => Messages.request(address, "tools/list"))
  await Load.run(all, { millis: 500 })
  close(all)
}

/** All points in turns, so that what else the machine does is shared by them. */
const measure = async (points: ReadonlyArray<Point>): Promise<Growth.Measured> => {
  const problems: Array<string> = []
  const all = []
  for (const point of points) {
    await warm(point.running)
    const opened = await lanes(point.running, FRONT, CONCURRENCY, point.prepare, point.sessions)
    const { failed, failures } = await Load.run(opened, { millis: WARM_MILLIS })
    if (failed > 0) problems.push(failures[0] ?? "")
    all.push({ ...point, lanes: opened, costs: [] as Array<number> })
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < all.length; turn++) {
      const one = all[(turn + round) % all.length]
      if (one === undefined) continue
      await refresh(one.running, one.lanes)
      const before = cpu(one.running.pid)
      const { answered, failed, failures } = await Load.run(one.lanes, { millis: MILLIS })
      await sleep(200)
      one.costs.push(cpuBetween(before, cpu(one.running.pid)) / answered)
      if (failed > 0) problems.push(failures[0] ?? "")
    }
  }
  for (const { lanes: opened } of all) close(opened)
  return { points: all.map(({ costs, work }) => [work, median(costs)] as const), problems }
}

const start = (servers: Readonly<Record<string, object>>, env: Readonly<Record<string, string>> = {}) =>
  startOurs({ mode: "shipped", servers, env, withoutMetrics: true })

const serverOf = (programs: Programs, more: ReadonlyArray<string> = []): object => ({
  command: process.execPath,
  args: [programs.path("server-stdio"), "--era", "legacy", ...more],
  era: "legacy"
})

/** So many servers, with so many tools in all. */
const serversOf = (programs: Programs, count: number, tools: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `s${index}`,
      serverOf(programs, ["--tools", String(Math.max(1, Math.round(tools / count)))])
    ])
  )

const payloads = async (programs: Programs): Promise<ReadonlyArray<Growth.Series>> => {
  const found: Array<Growth.Series> = []
  for (const kind of ["stdio", "http"] as const) {
    const { stop, upstream } = await scene(programs, kind, "json", "legacy")
    const running = await start({ echo: serverEntry(upstream) })
    const points = [100, 1000, 10_000, 100_000, 1_000_000].map((work) => ({
      work,
      running,
      prepare: (address: Messages.Address) => Messages.echo(address, work)
    }))
    found.push({ title: `a call, ${kind}`, x: "bytes of payload", ...(await measure(points)) })
    await running.stop()
    await stop()
  }
  return found
}

const COUNTS = [2, 4, 8, 16, 32]
const TOOLS = 64

const upstreams = async (programs: Programs): Promise<ReadonlyArray<Growth.Series>> => {
  const started = []
  for (const count of COUNTS) started.push({ work: count, running: await start(serversOf(programs, count, TOOLS)) })
  const calls = await measure(
    started.map((one) => ({ ...one, prepare: (address) => Messages.echo(address, 100, "s0_echo") }))
  )
  const lists = await measure(
    started.map((one) => ({ ...one, prepare: (address) => Messages.request(address, "tools/list") }))
  )
  for (const { running } of started) await running.stop()
  return [
    { title: "a call", x: "servers", ...calls },
    { title: `tools/list of ${TOOLS} tools in all`, x: "servers", ...lists }
  ]
}

const sessions = async (programs: Programs): Promise<ReadonlyArray<Growth.Series>> => {
  // Sessions beyond the bound are let go of and taken up again, which is another thing.
  const running = await start({ echo: serverOf(programs) }, { MCP_MAX_SESSIONS_PER_USER: "10000" })
  const points = [16, 64, 256, 1024].map((work) => ({
    work,
    sessions: work,
    running,
    prepare: (address: Messages.Address) => Messages.echo(address, 100)
  }))
  const found = await measure(points)
  await running.stop()
  return [{ title: "a call, sessions in turns", x: "sessions", ...found }]
}

const tools = async (programs: Programs): Promise<ReadonlyArray<Growth.Series>> => {
  const started = []
  // Pages end at a thousand: what is asked for is the first.
  for (const work of [10, 30, 100, 300, 1000]) {
    started.push({ work, running: await start({ echo: serverOf(programs, ["--tools", String(work)]) }) })
  }
  const calls = await measure(started.map((one) => ({ ...one, prepare: (address) => Messages.echo(address, 100) })))
  const lists = await measure(
    started.map((one) => ({ ...one, prepare: (address) => Messages.request(address, "tools/list") }))
  )
  for (const { running } of started) await running.stop()
  return [
    { title: "a call", x: "tools", ...calls },
    { title: "tools/list", x: "tools", ...lists }
  ]
}

/** Measures all, writes bench/growth.md and bench/growth.svg; the exit code: 1 where something is worse than linear. */
export const growth = async (programs: Programs, say: (line: string) => void): Promise<number> => {
  const all: Array<Growth.Series> = []
  for (const one of [payloads, upstreams, sessions, tools]) {
    const found = await one(programs)
    for (const series of found) say(Growth.line(series))
    all.push(...found)
  }
  const here = import.meta.dirname
  writeFileSync(join(here, "growth.md"), Growth.page(all, machine(), new Date().toISOString()))
  writeFileSync(join(here, "growth.svg"), curves(all.map(Growth.curve)))
  const problems = all.flatMap(({ problems }) => problems)
  for (const problem of problems) say(`PROBLEM ${problem}`)
  return problems.length === 0 && all.every((series) => Growth.isLinear(series)) ? 0 : 1
}
