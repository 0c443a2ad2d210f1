/** Tries one seed after another; of one that fails, finds the few steps that it takes. */
import type { Mutant } from "./mutants.ts"
import { scheduleOf } from "./schedule.ts"
import { simulate } from "./simulate.ts"
import type { Schedule } from "./Step.ts"
import type { Violation } from "./World.ts"

export interface Failure {
  readonly schedule: Schedule
  readonly violations: ReadonlyArray<Violation>
}

/** Tries so many seeds, from one on. `failed` hears of each that fails, and gives false where no more are to be tried. */
export const explore = async (options: {
  readonly from: number
  readonly count: number
  readonly mutant?: Mutant | undefined
  readonly failed: (failure: Failure) => boolean | Promise<boolean>
}): Promise<void> => {
  for (let seed = options.from; seed < options.from + options.count; seed++) {
    const schedule = scheduleOf(seed)
    const violations = await simulate(schedule, { mutant: options.mutant })
    if (violations.length > 0 && !(await options.failed({ schedule, violations }))) return
  }
}

/** The first seed that fails, of so many. */
export const firstFailure = async (
  mutant: Mutant | undefined,
  from: number,
  count: number
): Promise<Failure | undefined> => {
  let found: Failure | undefined
  await explore({
    from,
    count,
    mutant,
    failed: (failure) => {
      found = failure
      return false
    }
  })
  return found
}

/** The same failure by fewer steps: what can be left out, and the same still does not hold, is. */
export const shrink = async ({ schedule, violations }: Failure, mutant?: Mutant): Promise<Failure> => {
  const invariant = violations[0]?.invariant
  let best: Failure = { schedule, violations }
  for (
    let length = Math.ceil(schedule.steps.length / 2);
    length >= 1;
    length = length === 1 ? 0 : Math.ceil(length / 2)
  ) {
    for (let at = 0; at < best.schedule.steps.length;) {
      const steps = best.schedule.steps.toSpliced(at, length)
      const shorter = { ...schedule, steps }
      const found = await simulate(shorter, { mutant })
      if (found[0]?.invariant === invariant) best = { schedule: shorter, violations: found }
      else at += length
    }
  }
  return best
}
