/** Lives through a schedule, and says what did not hold. */
import { install } from "./cipher.ts"
import { end } from "./ending.ts"
import { carryOut } from "./events.ts"
import { afterStep } from "./invariants.ts"
import { judge, show } from "./judge.ts"
import type { Mutant } from "./mutants.ts"
import { print, type Schedule } from "./Step.ts"
import { type Violation, World } from "./World.ts"

export interface Options {
  /** The fault that the proxy is given. */
  readonly mutant?: Mutant | undefined
  /** Hears of every step, and of how every call ends. */
  readonly trace?: ((line: string) => void) | undefined
}

/** What did not hold in the world of a schedule; nothing after the first of it is carried out. */
export const simulate = async (schedule: Schedule, options: Options = {}): Promise<ReadonlyArray<Violation>> => {
  const { mutant, trace } = options
  const cipher = install()
  // Of errors that are foreseen nobody reads where they came from, and it takes time to find out.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const world = new World(schedule, {
    cipher,
    mutant,
    onEnd: (ended, call) => {
      trace?.(`   ${call.tag} at ${ended.timeline.elapsed} ms: ${show(call)}`)
      judge(ended, call)
    }
  })
  try {
    await world.settle()
    for (const step of schedule.steps) {
      world.step++
      trace?.(`${world.step}. ${print(step)}`)
      await carryOut(world, step)
      const isAtRest = step.turns === undefined
      if (isAtRest) world.ledger.restedAt = world.step
      afterStep(world, isAtRest)
      if (world.violations.length > 0) return world.violations
    }
    world.step++
    trace?.(`${world.step}. The end`)
    await end(world)
  } catch (error) {
    world.violate("nothing fails unexpectedly", String(error))
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    cipher.uninstall()
  }
  return world.violations
}
