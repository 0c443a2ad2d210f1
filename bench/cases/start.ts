/** From the start of a process to its listening, and to its first answer; and what it takes when it then does nothing. */
import { accepts, freePort, launch, sleep } from "../machine/Launch.ts"
import { memory } from "../machine/Usage.ts"
import type { Figure } from "../report/Results.ts"
import { median } from "../report/Statistics.ts"
import { launchOurs, type Mode, serverEntry } from "../targets/ours.ts"
import * as Peers from "../targets/peers.ts"
import { plain } from "../targets/plain.ts"
import { ready, type Target, type Upstream } from "../targets/Target.ts"
import { scene } from "./calls.ts"
import type { Case, Context } from "./section.ts"

const ROUNDS = 5
const IDLE_MILLIS = 2000
const TOKEN = "a token of a program that cannot sign in".replaceAll(" ", "-")

interface Start {
  readonly listening?: number
  readonly answered?: number
  readonly resident?: number
  readonly proportional?: number
}

/** `node -e 0`: from its start to its end, which is all that it does. */
const nothing = async (): Promise<Start> => {
  const start = performance.now()
  await launch(process.execPath, ["-e", "0"]).ended
  return { listening: performance.now() - start }
}

const idle = async (pid: number): Promise<Start> => {
  await sleep(IDLE_MILLIS)
  return memory(pid)
}

const effectEcho =
  ({ programs }: Context) =>
  async (): Promise<Start> => {
    const port = await freePort()
    const start = performance.now()
    const launched = launch(process.execPath, [programs.path("effect-echo"), String(port)])
    await accepts(port, 1)
    const listening = performance.now() - start
    const found = { listening, ...(await idle(launched.pid)) }
    await launched.stop()
    return found
  }

const ofOurs = (mode: Mode, upstream: Upstream) => async (): Promise<Start> => {
  const env = mode === "shipped" ? { MCP_AUTH_TOKEN: TOKEN } : {}
  const start = performance.now()
  const ours = await launchOurs({ mode, servers: { echo: serverEntry(upstream) }, env })
  try {
    await accepts(ours.port, 1)
    const listening = performance.now() - start
    const headers: Record<string, string> = mode === "shipped" ? { authorization: `Bearer ${TOKEN}` } : {}
    await ready(ours.launched, { ...ours, headers }, upstream, 5)
    return { listening, answered: performance.now() - start, ...(await idle(ours.pid)) }
  } finally {
    await ours.stop()
  }
}

const ofTarget = (target: Target, upstream: Upstream) => async (): Promise<Start> => {
  const start = performance.now()
  const running = await target.start(upstream)
  const answered = performance.now() - start
  const found = { answered, ...(await idle(running.pid)) }
  await running.stop()
  return found
}

const COLUMNS = {
  listening: "ms to listening",
  answered: "ms to first answer",
  resident: "idle, resident MB",
  proportional: "idle, proportional MB"
} as const

export const start: Case = {
  name: "start",
  run: async (context) => {
    const { upstream } = await scene(context.programs, "stdio", "json", "legacy")
    const others = [...plain(context.programs), ...Peers.peers].filter((target) => target.takes(upstream))
    const contestants: ReadonlyArray<readonly [string, () => Promise<Start>]> = [
      ["node -e 0, to its end", nothing],
      ["Effect echo server, bundled", effectEcho(context)],
      ["ours, bare", ofOurs("bare", upstream)],
      ["ours, as shipped", ofOurs("shipped", upstream)],
      ...others.map((target) => [target.name, ofTarget(target, upstream)] as const)
    ]
    const starts = new Map<string, Array<Start>>()
    const problems: Array<string> = []
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, once] of contestants) {
        try {
          starts.set(name, [...(starts.get(name) ?? []), await once()])
        } catch (error) {
          if (round === 0) problems.push(`start, ${name}: ${(error as Error).message.slice(0, 300)}`)
        }
      }
    }
    const figures: ReadonlyArray<Figure> = contestants.map(([target]) => {
      const all = starts.get(target) ?? []
      const values = Object.entries(COLUMNS).flatMap(([key, column]) => {
        const found = all.flatMap((one) => one[key as keyof Start] ?? [])
        return found.length === 0 ? [] : [[column, median(found)] as const]
      })
      return { target, values: Object.fromEntries(values) }
    })
    return {
      section: {
        title: "Start",
        about: `One stdio server behind, legacy; medians of ${ROUNDS} starts in turns. The first answer is one to tools/list, signed in by a machine credential where that is asked for. Idle is weighed ${IDLE_MILLIS / 1000} s after it.`,
        columns: Object.values(COLUMNS),
        figures
      },
      problems: problems.filter((problem) => problem.includes("ours") || problem.includes("limit"))
    }
  }
}
