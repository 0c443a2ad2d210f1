/** Calls that tell of their progress a hundred times before they are answered. */
import * as Messages from "../load/Messages.ts"
import type { Figure } from "../report/Results.ts"
import { ours } from "../targets/ours.ts"
import { plain } from "../targets/plain.ts"
import type { Upstream } from "../targets/Target.ts"
import { type Effort, enter, leave, measure, scene } from "./calls.ts"
import { CALL_COLUMNS, callFigures, type Case } from "./section.ts"

const STEPS = 100
const CONCURRENCY = 16
// About as long as they get cheaper.
const EFFORT: Effort = { rounds: 5, millis: 600, warmMillis: 6000 }
const KINDS: ReadonlyArray<Upstream["kind"]> = ["stdio", "http"]

export const progress: Case = {
  name: "progress",
  run: async ({ programs, withoutMetrics }) => {
    const figures: Array<Figure> = []
    const problems: Array<string> = []
    const targets = [
      ...plain(programs).filter(({ role }) => role !== "floor"),
      ours("bare"),
      ours("shipped", { withoutMetrics })
    ]
    for (const kind of KINDS) {
      const { stop, upstream } = await scene(programs, kind, "stream", "legacy")
      const entrants = await enter(targets, upstream, { calls: 2000, millis: 2000, ownMillis: 10_000 })
      const { found, problems: wrong } = await measure(
        entrants,
        upstream,
        { concurrency: CONCURRENCY, bytes: 0 },
        EFFORT,
        {
          prepare: (address) => Messages.call(address, "chatty", { steps: STEPS }, STEPS)
        }
      )
      figures.push(...callFigures(found, (target) => `${kind}; ${target}`))
      problems.push(...wrong.map((problem) => `progress: ${problem}`))
      await leave(entrants)
      await stop()
    }
    return {
      section: {
        title: `Calls with ${STEPS} progress notifications`,
        about: `Each call is answered by a stream of ${STEPS} notifications and the result; legacy, concurrency ${CONCURRENCY}.`,
        columns: CALL_COLUMNS,
        figures
      },
      problems
    }
  }
}
