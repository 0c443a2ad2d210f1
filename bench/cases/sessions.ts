/** Sessions that are open and do nothing, without and with a standing stream each. */
import { Connection } from "../load/Connection.ts"
import * as Load from "../load/Load.ts"
import * as Messages from "../load/Messages.ts"
import { accepts, freePort, launch, sleep } from "../machine/Launch.ts"
import { liveHeap, option } from "../machine/Inspector.ts"
import { cpu, cpuBetween, memory } from "../machine/Usage.ts"
import type { Figure } from "../report/Results.ts"
import { type Mode, serverEntry, startOurs } from "../targets/ours.ts"
import { addressOf, begin, close, HOST, lanes, type Running } from "../targets/Target.ts"
import { scene } from "./calls.ts"
import type { Case, Context } from "./section.ts"

const COUNTS = [200, 1000]
const SETTLE_MILLIS = 2000

/** Processor time of a call, of two thousand. */
const costOfCall = async (running: Running, upstream: { readonly answers: "json"; readonly era: "legacy" }) => {
  const all = await lanes(running, upstream, 16, (address) => Messages.echo(address, 100))
  await Load.run(all, { total: 500 })
  const before = cpu(running.pid)
  const { answered, failed, failures, latencies } = await Load.run(all, { total: 2000 })
  await sleep(250)
  const after = cpu(running.pid)
  close(all)
  return {
    cpu: cpuBetween(before, after) / answered,
    p99: Load.quantile(latencies, 0.99),
    problems: failed === 0 ? [] : [`${failed} wrong answers: ${failures[0]}`]
  }
}

const FRONT = { answers: "json", era: "legacy" } as const

/** What a stream costs where there is nothing else: what any other way of serving it comes on top of. */
const limit = async ({ programs }: Context, count: number): Promise<number> => {
  const [port, inspected] = [await freePort(), await freePort()]
  const launched = launch(process.execPath, [option(inspected), programs.path("streams"), String(port)])
  const streams: Array<Connection> = []
  try {
    await accepts(port)
    const address = { host: HOST, port, path: "/mcp", headers: {}, ...FRONT }
    const open = async (): Promise<void> => {
      const connection = await Connection.open(HOST, port)
      await connection.stand(Messages.standing(address))
      streams.push(connection)
    }
    // The first few bring along what they all share.
    for (let index = 0; index < 20; index++) await open()
    await sleep(SETTLE_MILLIS)
    const before = await liveHeap(inspected)
    for (let index = 0; index < count; index++) await open()
    await sleep(SETTLE_MILLIS)
    return (((await liveHeap(inspected)) - before) * 1000) / count
  } finally {
    for (const connection of streams) connection.close()
    await launched.stop()
  }
}

const one = async ({ programs, withoutMetrics }: Context, mode: Mode, count: number) => {
  const { upstream } = await scene(programs, "stdio", "json", "legacy")
  const inspected = await freePort()
  const running = await startOurs({
    mode,
    servers: { echo: serverEntry(upstream) },
    withoutMetrics,
    // They are all one person's here, and some more than are counted.
    env: { MCP_MAX_SESSIONS_PER_USER: "10000", MCP_MAX_STREAMS_PER_USER: "10000" },
    nodeOptions: [option(inspected)]
  })
  const weigh = async () => {
    await sleep(SETTLE_MILLIS)
    const heap = await liveHeap(inspected)
    return { heap, resident: memory(running.pid).resident }
  }
  const streams: Array<Connection> = []
  try {
    const idle = await costOfCall(running, FRONT)
    const empty = await weigh()
    const start = performance.now()
    const address = addressOf(running, FRONT)
    const shared = await Connection.open(HOST, running.port)
    const sessions: Array<Readonly<Record<string, string>>> = []
    for (let index = 0; index < count; index++) sessions.push(await begin(shared, address))
    const seconds = (performance.now() - start) / 1000
    const open = await weigh()
    for (const session of sessions) {
      const connection = await Connection.open(HOST, running.port)
      const head = await connection.stand(
        Messages.standing({ ...address, headers: { ...address.headers, ...session } })
      )
      if (!head.startsWith("HTTP/1.1 200")) throw new Error(`no standing stream: ${head}`)
      streams.push(connection)
    }
    const standing = await weigh()
    const busy = await costOfCall(running, FRONT)
    const each = (after: number, before: number): number => ((after - before) * 1000) / count
    const values = {
      "heap KB/session": each(open.heap, empty.heap),
      "heap KB/stream": each(standing.heap, open.heap),
      "resident KB/session and stream": each(standing.resident, empty.resident),
      "CPU µs/call, none open": idle.cpu,
      "all open": busy.cpu,
      "p99 µs, all open": busy.p99,
      "sessions begun/s": count / seconds
    }
    return { values, problems: [...idle.problems, ...busy.problems] }
  } finally {
    for (const connection of streams) connection.close()
    await running.stop()
  }
}

export const sessions: Case = {
  name: "sessions",
  run: async (context) => {
    const figures: Array<Figure> = []
    const problems: Array<string> = []
    for (const count of COUNTS) {
      const target = `${count} streams; limit: node:http, an open answer each`
      figures.push({ target, values: { "heap KB/stream": await limit(context, count) } })
      for (const mode of ["bare", "shipped"] as const) {
        const target = `${count} sessions; ours, ${mode === "bare" ? "bare" : "as shipped"}`
        try {
          const found = await one(context, mode, count)
          figures.push({ target, values: found.values })
          problems.push(...found.problems.map((problem) => `${target}: ${problem}`))
        } catch (error) {
          problems.push(`${target}: ${(error as Error).message}`)
        }
      }
    }
    return {
      section: {
        title: "Open sessions",
        about:
          "Sessions are begun, and then each is given a standing stream on a connection of its own. Heap is what lives after garbage collection, buffers included, seen through the inspector; resident is what the process takes of the machine.",
        columns: [
          "heap KB/session",
          "heap KB/stream",
          "resident KB/session and stream",
          "CPU µs/call, none open",
          "all open",
          "p99 µs, all open",
          "sessions begun/s"
        ],
        figures
      },
      problems
    }
  }
}
