/** The gateway in simulated worlds. `npm run simulate` tries others, and says of one that fails what happened in it. */
import { assert, describe, it } from "@effect/vitest"
import { explore, type Failure, firstFailure, shrink } from "./explore.ts"
import { MUTANTS } from "./mutants.ts"
import { scheduleOf } from "./schedule.ts"
import { simulate } from "./simulate.ts"
import type { Violation } from "./World.ts"

/** Seeds of this test's own. */
const SEEDS = 2000

const LIMIT = { timeout: 600_000 }

const toldOf = ({ schedule, violations }: Failure): string =>
  `npm run simulate -- --seed ${schedule.seed}: ${violations.map(({ invariant, text }) => `${invariant}: ${text}`).join("; ")}`

/** All that is told of a world. */
const told = async (seed: number): Promise<ReadonlyArray<string>> => {
  const lines: Array<string> = []
  await simulate(scheduleOf(seed), { trace: (line) => lines.push(line) })
  return lines
}

const withoutPlace = (violations: ReadonlyArray<Violation>) => violations.map(({ invariant }) => invariant)

describe("in simulated worlds", () => {
  it(`all holds that must, in ${SEEDS} of them`, LIMIT, async () => {
    const failures: Array<string> = []
    await explore({
      from: 1,
      count: SEEDS,
      failed: (failure) => {
        failures.push(toldOf(failure))
        return failures.length < 5
      }
    })
    assert.deepStrictEqual(failures, [])
  })

  it("the same happens for the same seed", LIMIT, async () => {
    for (const seed of [3, 4, 5, 6, 7, 8]) {
      const first = await told(seed)
      assert.isAbove(first.length, 10)
      assert.deepStrictEqual(await told(seed), first)
    }
  })
})

describe("a gateway with a fault", () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    "(%s) is found within 500 worlds, and again by the same seed, and by fewer steps",
    LIMIT,
    async (_, mutant) => {
      const failure = await firstFailure(mutant, 1, 500)
      if (failure === undefined) return assert.fail(`${mutant.name} was not found`)
      const { schedule, violations } = failure
      assert.deepStrictEqual(await simulate(scheduleOf(schedule.seed), { mutant }), violations)
      assert.deepStrictEqual(await simulate(scheduleOf(schedule.seed)), [])
      const shorter = await shrink(failure, mutant)
      assert.isAtMost(shorter.schedule.steps.length, schedule.steps.length)
      assert.deepStrictEqual(
        withoutPlace(await simulate(shorter.schedule, { mutant })),
        withoutPlace(shorter.violations)
      )
    }
  )
})
