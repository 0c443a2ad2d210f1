/**
 * Simulates the gateway in one world after another, each made of a seed.
 *
 *     npm run simulate -- [--seeds 500] [--from 1] [--seed N] [--mutant NAME]
 *
 * A seed that fails is printed with the few steps that it takes. With --seed only that is tried, and printed with all its
 * steps, and how every call ended. With --mutant the gateway is given a fault, which should be found.
 */
import { parseArgs } from "node:util"
import { explore, type Failure, shrink } from "../test/simulation/explore.ts"
import { type Mutant, MUTANTS } from "../test/simulation/mutants.ts"
import { scheduleOf } from "../test/simulation/schedule.ts"
import { simulate } from "../test/simulation/simulate.ts"
import { print, printSetup } from "../test/simulation/Step.ts"
import type { Violation } from "../test/simulation/World.ts"

const printViolations = (violations: ReadonlyArray<Violation>): void => {
  for (const { invariant, step, text } of violations) console.log(`  step ${step}: ${invariant}: ${text}`)
}

const again = (seed: number, mutant: Mutant | undefined): string =>
  `npm run simulate -- --seed ${seed}${mutant === undefined ? "" : ` --mutant ${JSON.stringify(mutant.name)}`}`

const complain = async (failure: Failure, mutant: Mutant | undefined): Promise<void> => {
  const { seed, setup, steps } = failure.schedule
  console.log(`seed ${seed} fails:`)
  printViolations(failure.violations)
  const shorter = await shrink(failure, mutant)
  console.log(`the same by ${shorter.schedule.steps.length} of its ${steps.length} steps:\n  ${printSetup(setup)}`)
  for (const [index, step] of shorter.schedule.steps.entries()) console.log(`  ${index + 1}. ${print(step)}`)
  printViolations(shorter.violations)
  console.log(`again: ${again(seed, mutant)}\n`)
}

/** Reads a whole number from 0 on. */
const whole = (name: string, text: string): number => {
  if (/^\d{1,9}$/u.test(text)) return Number(text)
  throw new TypeError(`--${name} is a whole number, not ${JSON.stringify(text)}`)
}

const read = () => {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      seeds: { type: "string", default: "500" },
      from: { type: "string", default: "1" },
      mutant: { type: "string" }
    }
  })
  const mutant = MUTANTS.find(({ name }) => name === values.mutant)
  if (mutant === undefined && values.mutant !== undefined) {
    throw new TypeError(`--mutant is one of: ${MUTANTS.map(({ name }) => JSON.stringify(name)).join(", ")}`)
  }
  return {
    mutant,
    seed: values.seed === undefined ? undefined : whole("seed", values.seed),
    count: whole("seeds", values.seeds),
    from: whole("from", values.from)
  }
}

const main = async ({ count, from, mutant, seed }: ReturnType<typeof read>): Promise<number> => {
  if (seed !== undefined) {
    const schedule = scheduleOf(seed)
    console.log(`  ${printSetup(schedule.setup)}`)
    const violations = await simulate(schedule, { mutant, trace: (line) => console.log(line) })
    printViolations(violations)
    console.log(`simulate: 1 seed, ${violations.length === 0 ? 0 : 1} failures`)
    return violations.length === 0 ? 0 : 1
  }
  const began = performance.now()
  let failures = 0
  await explore({
    from,
    count,
    mutant,
    failed: async (failure) => {
      failures++
      await complain(failure, mutant)
      return true
    }
  })
  const seconds = (performance.now() - began) / 1000
  console.log(`simulate: ${count} seeds, ${failures} failures, ${Math.round(count / seconds)} seeds a second`)
  return failures === 0 ? 0 : 1
}

/** What is asked for; what is wrong with it is said, and ends the program. */
const asked = () => {
  try {
    return read()
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return undefined
  }
}

const found = asked()
process.exitCode = found === undefined ? 2 : await main(found)
