/** Runs of a suite, each with what it came to, told as soon as it is known. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { format, type Listed, type Outcome, remarks, type Results, sum, tally } from "./compare.ts"
import { run, scenarios, type Suite } from "./suite.ts"

/** What a suite is run against. */
export interface Target {
  /** For people. */
  readonly name: string
  /** A server's URL, or a client's command. */
  readonly address: string
  /** The scenarios that cannot pass there, and why. */
  readonly except?: ReadonlyMap<string, string>
}

/**
 * What is wrong has to be so twice: the suite gives some answers 600 ms, and takes a machine that is busy with other tests
 * for a server that does not answer.
 */
export const confirmed = <A extends Pick<Outcome, "remarks">, E, R>(attempt: Effect.Effect<A, E, R>) =>
  Effect.filterOrElse(
    attempt,
    ({ remarks }) => remarks.length === 0,
    ({ remarks }) => Effect.andThen(Console.log(["Once more:", ...remarks].join("\n  ")), attempt)
  )

/** Runs a suite against one target; compares with the direct run, if this is not it. */
const check = Effect.fnUntraced(function* (suite: Suite, listed: Listed, target: Target, reference?: Results) {
  const { code, output, results } = yield* run(suite, listed, target.address)
  const counts = (scenario: string): boolean => target.except?.has(scenario) !== true
  const remaining = { scored: listed.scored.filter(counts), unscored: listed.unscored.filter(counts) }
  const [direct, found] = [reference ?? results, results].map(
    (all): Results => new Map([...all].filter(([scenario]) => counts(scenario)))
  ) as [Results, Results]
  const tallied = tally(remaining, direct, found)
  const title = `${suite.label} ${target.name}`
  yield* Console.log(`${title}: ${format(tallied)}`)
  const wrong = remarks(remaining, direct, found)
  // Its own verdict counts too, where it knows something that its checks do not say.
  const all = wrong.length === 0 && code !== 0 ? [`exit code ${code}\n${output}`] : wrong
  return { results, tally: tallied, remarks: all.map((remark) => `${title}: ${remark}`) }
}, confirmed)

/** What has to pass of one suite and is no part of the other, which is run in its place. */
export const missing = Effect.fnUntraced(function* (suite: Suite, other: Suite) {
  const [{ scored }, listed] = yield* Effect.all([scenarios(suite), scenarios(other)])
  return scored
    .filter((scenario) => !listed.scored.includes(scenario))
    .map((scenario) => `${suite.label}: ${scenario} is not among those of ${other.label}`)
})

/** What several runs came to together. */
export const together = (outcomes: ReadonlyArray<Outcome>): Outcome => ({
  tally: sum(outcomes.map(({ tally }) => tally)),
  remarks: outcomes.flatMap(({ remarks }) => remarks)
})

/** Runs a suite against a server directly, then through each endpoint: what it finds has to be the same. */
export const compare = Effect.fnUntraced(function* (suite: Suite, url: string, endpoints: ReadonlyArray<Target>) {
  const listed = yield* scenarios(suite)
  const direct = yield* check(suite, listed, { name: "direct", address: url })
  const through = yield* Effect.forEach(endpoints, (endpoint) => check(suite, listed, endpoint, direct.results))
  return { tally: together(through).tally, remarks: together([direct, ...through]).remarks } satisfies Outcome
})

/** Runs a suite against the proxy as a client: nothing it finds may be a failure, and nothing doubtful. */
export const drive = Effect.fnUntraced(function* (suite: Suite, target: Target) {
  const listed = yield* scenarios(suite)
  return yield* check(suite, listed, target)
})
