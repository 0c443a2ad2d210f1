/** What the conformance suite found: counted, and what it found through the proxy compared with what it found directly. */

/** One thing that a scenario looked at. */
export interface Check {
  readonly id: string
  readonly name: string
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "INFO" | "SKIPPED"
  readonly errorMessage?: string
}

type Checks = ReadonlyArray<Check>

/** The checks by scenario; a scenario that was not run is not there. */
export type Results = ReadonlyMap<string, Checks>

export interface Tally {
  readonly scenarios: number
  readonly scenariosPassed: number
  readonly checks: number
  readonly checksPassed: number
}

/** The scenarios that a run consists of. */
export interface Listed {
  /** These have to pass. */
  readonly scored: ReadonlyArray<string>
  /** These nobody has to pass; but what passes directly has to pass through the proxy. */
  readonly unscored: ReadonlyArray<string>
}

/** What a run came to. */
export interface Outcome {
  readonly tally: Tally
  /** What is wrong. */
  readonly remarks: ReadonlyArray<string>
}

/** What scenarios note of their requests and responses: how many there are is no property of the server. */
const TRAFFIC = new Set(["outgoing-request", "incoming-response", "incoming-sse-event"])

const isTraffic = ({ id, status }: Check): boolean => status === "INFO" && TRAFFIC.has(id)

const isScored = (check: Check | undefined): boolean => check?.status === "SUCCESS" || check?.status === "FAILURE"

/** The checks by id and name; those that have both in common are told apart by their number. */
const byIdentity = (checks: Checks): ReadonlyMap<string, Check> => {
  const identified = new Map<string, Check>()
  for (const check of checks) {
    if (isTraffic(check)) continue
    const base = `${check.id} (${check.name})`
    let identity = base
    for (let number = 2; identified.has(identity); number++) identity = `${base} #${number}`
    identified.set(identity, check)
  }
  return identified
}

const because = ({ errorMessage }: Check): string => (errorMessage === undefined ? "" : ` (${errorMessage})`)

/** What is wrong with a scenario by itself. */
const faultsOf = (checks: Checks | undefined): ReadonlyArray<string> => {
  if (checks === undefined) return ["the suite did not run it"]
  const failed = checks.filter(({ status }) => status === "FAILURE")
  if (failed.length > 0) return failed.map((check) => `${check.id} (${check.name}) failed${because(check)}`)
  // Notes and skipped checks are no verdict.
  return checks.some(({ status }) => status === "SUCCESS" || status === "WARNING") ? [] : ["it came to no verdict"]
}

/** What differs between a scenario's checks directly and through the proxy. */
const differencesOf = (direct: Checks | undefined, proxied: Checks | undefined): ReadonlyArray<string> => {
  if (direct === undefined || proxied === undefined) {
    return direct === proxied ? [] : [`it ran ${direct === undefined ? "through the proxy" : "directly"} only`]
  }
  const expected = byIdentity(direct)
  const found = byIdentity(proxied)
  const differences = [...new Set([...expected.keys(), ...found.keys()])].flatMap((identity) => {
    const [before, after] = [expected.get(identity), found.get(identity)].map((check) =>
      check === undefined ? "missing" : `${check.status}${because(check)}`
    )
    const isSame = expected.get(identity)?.status === found.get(identity)?.status
    return isSame ? [] : [`${identity} is ${before} directly and ${after} through the proxy`]
  })
  const isReordered = [...expected.keys()].join() !== [...found.keys()].join()
  return differences.length === 0 && isReordered ? ["its checks come in another order"] : differences
}

/** What there is to say about a scenario: how it differs, or what is wrong with it directly and through the proxy alike. */
const remarksOn = (direct: Checks | undefined, proxied: Checks | undefined): ReadonlyArray<string> => {
  const differences = differencesOf(direct, proxied)
  return differences.length > 0 ? differences : faultsOf(proxied)
}

/** Does nobody have to pass this scenario, and does the server itself not? */
const isExcused = ({ unscored }: Listed, direct: Results, scenario: string): boolean =>
  unscored.includes(scenario) && faultsOf(direct.get(scenario)).length > 0

/** From worst to best; a check that is missing is neither good nor bad. */
const RANK = { FAILURE: 0, SKIPPED: 1, INFO: 1, missing: 1, WARNING: 2, SUCCESS: 3 } as const

/** Which checks of an excused scenario are worse through the proxy than directly. */
const worseIn = (direct: Checks | undefined, proxied: Checks | undefined): ReadonlyArray<string> => {
  const expected = byIdentity(direct ?? [])
  const found = byIdentity(proxied ?? [])
  return [...new Set([...expected.keys(), ...found.keys()])].flatMap((identity) => {
    const [before, after] = [expected.get(identity), found.get(identity)].map((check) => check?.status ?? "missing")
    const isWorse = before !== undefined && after !== undefined && RANK[after] < RANK[before]
    return isWorse ? [`${identity} is ${before} directly and ${after} through the proxy`] : []
  })
}

/**
 * What is wrong, one line each; nothing where every scenario came to the same verdicts as directly and none is a failure
 * that counts. The direct run is compared with itself.
 */
export const remarks = (listed: Listed, direct: Results, proxied: Results): ReadonlyArray<string> => {
  const known = [...listed.scored, ...listed.unscored]
  return [...new Set([...known, ...direct.keys(), ...proxied.keys()])].flatMap((scenario) => {
    const [before, after] = [direct.get(scenario), proxied.get(scenario)]
    const found = !known.includes(scenario)
      ? ["the suite does not list it"]
      : isExcused(listed, direct, scenario)
        ? worseIn(before, after)
        : remarksOn(before, after)
    return found.map((remark) => `${scenario}: ${remark}`)
  })
}

/**
 * Counts what has to pass. A scenario has passed if there is nothing to remark on it; a check, if it succeeded in both
 * runs.
 */
export const tally = (listed: Listed, direct: Results, proxied: Results): Tally => {
  const scenarios = [...listed.scored, ...listed.unscored].filter((scenario) => !isExcused(listed, direct, scenario))
  const passed = scenarios.filter((scenario) => remarksOn(direct.get(scenario), proxied.get(scenario)).length === 0)
  const pairs = scenarios.flatMap((scenario) => {
    const [expected, found] = [direct, proxied].map((results) => byIdentity(results.get(scenario) ?? []))
    const identities = new Set([...(expected?.keys() ?? []), ...(found?.keys() ?? [])])
    return [...identities].map((identity) => [expected?.get(identity), found?.get(identity)])
  })
  return {
    scenarios: scenarios.length,
    scenariosPassed: passed.length,
    checks: pairs.filter((pair) => pair.some(isScored)).length,
    checksPassed: pairs.filter((pair) => pair.every((check) => check?.status === "SUCCESS")).length
  }
}

export const sum = (tallies: ReadonlyArray<Tally>): Tally => {
  const total = (count: (tally: Tally) => number) => tallies.reduce((all, tally) => all + count(tally), 0)
  return {
    scenarios: total((tally) => tally.scenarios),
    scenariosPassed: total((tally) => tally.scenariosPassed),
    checks: total((tally) => tally.checks),
    checksPassed: total((tally) => tally.checksPassed)
  }
}

export const format = (tally: Tally): string =>
  `${tally.scenariosPassed}/${tally.scenarios} scenarios, ${tally.checksPassed}/${tally.checks} checks`
