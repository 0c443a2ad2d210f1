/** What a process takes when it is idle, when it has worked, and after a hundred thousand calls. */
import * as Load from "../load/Load.ts"
import * as Messages from "../load/Messages.ts"
import { freePort, sleep } from "../machine/Launch.ts"
import { liveHeap, option } from "../machine/Inspector.ts"
import { memory } from "../machine/Usage.ts"
import type { Figure } from "../report/Results.ts"
import { type Mode, serverEntry, startOurs } from "../targets/ours.ts"
import { close, lanes } from "../targets/Target.ts"
import { scene } from "./calls.ts"
import type { Case, Context } from "./section.ts"

const LOADED = 20_000
const CALLS = 100_000
const SETTLE_MILLIS = 2000
const FRONT = { answers: "json", era: "legacy" } as const

const one = async ({ programs, withoutMetrics }: Context, mode: Mode) => {
  const { upstream } = await scene(programs, "stdio", "json", "legacy")
  const inspected = await freePort()
  const running = await startOurs({
    mode,
    servers: { echo: serverEntry(upstream) },
    withoutMetrics,
    nodeOptions: [option(inspected)]
  })
  const weigh = async () => {
    await sleep(SETTLE_MILLIS)
    const { resident } = memory(running.pid)
    return { resident, heap: await liveHeap(inspected) }
  }
  try {
    const all = await lanes(running, FRONT, 16, (address) => Messages.echo(address, 100))
    const idle = await weigh()
    const first = await Load.run(all, { total: LOADED })
    const loaded = await weigh()
    const rest = await Load.run(all, { total: CALLS })
    const after = await weigh()
    close(all)
    const failed = first.failed + rest.failed
    const succeeded = first.answered + rest.answered - failed
    const missing = (await running.evidence?.check(succeeded)) ?? []
    return {
      values: {
        "idle, resident MB": idle.resident,
        "loaded, resident MB": loaded.resident,
        "after 100,000 calls, resident MB": after.resident,
        "idle, heap MB": idle.heap,
        "loaded, heap MB": loaded.heap,
        "after 100,000 calls, heap MB": after.heap,
        "heap growth %": (100 * (after.heap - loaded.heap)) / loaded.heap,
        "resident growth %": (100 * (after.resident - loaded.resident)) / loaded.resident
      },
      problems: [
        ...missing,
        ...(failed === 0 ? [] : [`${failed} wrong answers: ${first.failures[0] ?? rest.failures[0]}`])
      ]
    }
  } finally {
    await running.stop()
  }
}

export const memoryOverTime: Case = {
  name: "memory",
  run: async (context) => {
    const figures: Array<Figure> = []
    const problems: Array<string> = []
    const target = "ours, as shipped"
    const found = await one(context, "shipped")
    figures.push({ target, values: found.values })
    problems.push(...found.problems.map((problem) => `memory, ${target}: ${problem}`))
    return {
      section: {
        title: "Memory over 100,000 calls",
        about: `Stdio, legacy, 16x100: weighed idle, after ${LOADED} calls, and after ${CALLS} more. Heap is what lives after garbage collection. The inspector, through which that is seen, is part of these figures; idle memory without it stands under "Start".`,
        columns: [
          "idle, resident MB",
          "loaded, resident MB",
          "after 100,000 calls, resident MB",
          "resident growth %",
          "idle, heap MB",
          "loaded, heap MB",
          "after 100,000 calls, heap MB",
          "heap growth %"
        ],
        figures
      },
      problems
    }
  }
}
