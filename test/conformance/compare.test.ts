import { describe, expect, it } from "vitest"
import { type Check, format, type Listed, remarks, type Results, sum, tally } from "./compare.ts"

const check = (id: string, status: Check["status"] = "SUCCESS", errorMessage?: string): Check => ({
  id,
  name: id.toUpperCase(),
  status,
  ...(errorMessage === undefined ? {} : { errorMessage })
})

const results = (checks: Readonly<Record<string, ReadonlyArray<Check>>>): Results => new Map(Object.entries(checks))

const names: Listed = { scored: ["ping", "tools-list"], unscored: [] }

const direct = results({ ping: [check("ping")], "tools-list": [check("list"), check("names")] })

/** The direct run but for one scenario. */
const but = (scenario: string, ...checks: ReadonlyArray<Check>): Results => new Map([...direct, [scenario, checks]])

const without = (scenario: string): Results => new Map([...direct].filter(([name]) => name !== scenario))

const counted = (proxied: Results): string => format(tally(names, direct, proxied))

describe("two runs that are alike", () => {
  it("leave nothing to remark, and everything passed", () => {
    expect(remarks(names, direct, direct)).toEqual([])
    expect(counted(direct)).toBe("2/2 scenarios, 3/3 checks")
  })

  it("may differ in the requests and responses that scenarios note", () => {
    const proxied = but("ping", check("outgoing-request", "INFO"), check("ping"), check("incoming-sse-event", "INFO"))
    expect(remarks(names, direct, proxied)).toEqual([])
    expect(counted(proxied)).toBe("2/2 scenarios, 3/3 checks")
  })

  it("may share warnings, which are no failures and are not counted", () => {
    const warned = but("ping", check("ping", "WARNING"))
    expect(remarks(names, warned, warned)).toEqual([])
    expect(format(tally(names, warned, warned))).toBe("2/2 scenarios, 2/2 checks")
  })
})

describe("a difference that is noticed:", () => {
  const cases: ReadonlyArray<readonly [string, Results, ReadonlyArray<string>, string]> = [
    ["a missing scenario", without("ping"), ["ping: it ran directly only"], "1/2 scenarios, 2/3 checks"],
    [
      "a missing check",
      but("tools-list", check("list")),
      ["tools-list: names (NAMES) is SUCCESS directly and missing through the proxy"],
      "1/2 scenarios, 2/3 checks"
    ],
    [
      "an additional failure",
      but("ping", check("ping"), check("wire", "FAILURE", "no id")),
      ["ping: wire (WIRE) is missing directly and FAILURE (no id) through the proxy"],
      "1/2 scenarios, 3/4 checks"
    ],
    [
      "a failure that is logged as traffic",
      but("ping", check("ping"), check("incoming-sse-event", "FAILURE")),
      ["ping: incoming-sse-event (INCOMING-SSE-EVENT) is missing directly and FAILURE through the proxy"],
      "1/2 scenarios, 3/4 checks"
    ],
    [
      "an additional check, though it succeeds",
      but("ping", check("ping"), check("more")),
      ["ping: more (MORE) is missing directly and SUCCESS through the proxy"],
      "1/2 scenarios, 3/4 checks"
    ],
    [
      "the same check once more",
      but("ping", check("ping"), check("ping")),
      ["ping: ping (PING) #2 is missing directly and SUCCESS through the proxy"],
      "1/2 scenarios, 3/4 checks"
    ],
    [
      "another order",
      but("tools-list", check("names"), check("list")),
      ["tools-list: its checks come in another order"],
      "1/2 scenarios, 3/3 checks"
    ]
  ]
  it.each(cases)("%s", (_, proxied, expected, count) => {
    expect(remarks(names, direct, proxied)).toEqual(expected)
    expect(counted(proxied)).toBe(count)
  })

  it.each(["FAILURE", "WARNING", "INFO", "SKIPPED"] as const)("a success that became %s", (status) => {
    const proxied = but("ping", check("ping", status, "why"))
    expect(remarks(names, direct, proxied)).toEqual([
      `ping: ping (PING) is SUCCESS directly and ${status} (why) through the proxy`
    ])
    expect(counted(proxied)).toBe("1/2 scenarios, 2/3 checks")
  })

  it("a warning that became a success", () => {
    const warned = but("ping", check("ping", "WARNING", "slow"))
    expect(remarks(names, warned, direct)).toEqual([
      "ping: ping (PING) is WARNING (slow) directly and SUCCESS through the proxy"
    ])
  })

  it("another name under the same id", () => {
    const proxied = but("ping", { ...check("ping"), name: "Pong" })
    expect(remarks(names, direct, proxied)).toHaveLength(2)
  })

  it("a scenario that ran through the proxy only", () => {
    expect(remarks(names, without("ping"), direct)).toEqual(["ping: it ran through the proxy only"])
  })
})

describe("what has not passed, though both runs are alike:", () => {
  const cases: ReadonlyArray<readonly [string, Results, string]> = [
    ["a scenario that was not run", without("ping"), "ping: the suite did not run it"],
    ["a failure", but("ping", check("ping", "FAILURE", "no answer")), "ping: ping (PING) failed (no answer)"],
    ["a scenario without checks", but("ping"), "ping: it came to no verdict"],
    ["a scenario that was skipped", but("ping", check("ping", "SKIPPED")), "ping: it came to no verdict"],
    ["a scenario of notes alone", but("ping", check("ping", "INFO")), "ping: it came to no verdict"]
  ]
  it.each(cases)("%s", (_, both, remark) => {
    expect(remarks(names, both, both)).toEqual([remark])
    expect(tally(names, both, both).scenariosPassed).toBe(1)
  })

  it("a scenario that the suite does not list", () => {
    const both = new Map([...direct, ["extra", [check("extra")]] as const])
    expect(remarks(names, both, both)).toEqual(["extra: the suite does not list it"])
  })
})

describe("a scenario that nobody has to pass", () => {
  const listed: Listed = { scored: ["tools-list"], unscored: ["ping"] }
  const failing = but("ping", check("ping", "FAILURE", "no answer"), check("more"))

  it("has to pass as it does directly, where it does", () => {
    expect(remarks(listed, direct, failing)).not.toEqual([])
    expect(format(tally(listed, direct, failing))).toBe("1/2 scenarios, 2/4 checks")
  })

  it("may fail the way it does directly, and is not counted", () => {
    expect(remarks(listed, failing, failing)).toEqual([])
    expect(format(tally(listed, failing, failing))).toBe("1/1 scenarios, 2/2 checks")
  })

  const better: ReadonlyArray<readonly [string, ReadonlyArray<Check>]> = [
    ["a failure that became a success", [check("ping"), check("more")]],
    ["a failure that is not met any more", [check("more")]],
    ["another reason for a failure", [check("ping", "FAILURE", "late"), check("more")]]
  ]
  it.each(better)("may do better: %s", (_, checks) => {
    expect(remarks(listed, failing, but("ping", ...checks))).toEqual([])
  })

  const worse: ReadonlyArray<readonly [string, ReadonlyArray<Check>, string]> = [
    ["a success that is missing", [check("ping", "FAILURE")], "more (MORE) is SUCCESS directly and missing"],
    ["a success that became a warning", [check("more", "WARNING")], "more (MORE) is SUCCESS directly and WARNING"],
    ["one failure more", [check("more"), check("wire", "FAILURE")], "wire (WIRE) is missing directly and FAILURE"]
  ]
  it.each(worse)("may not do worse: %s", (_, checks, remark) => {
    expect(remarks(listed, failing, but("ping", ...checks))).toEqual([`ping: ${remark} through the proxy`])
  })
})

it("adds the counts of several runs", () => {
  const missing = tally(names, direct, without("ping"))
  expect(format(sum([missing, tally(names, direct, direct)]))).toBe("3/4 scenarios, 5/6 checks")
})
