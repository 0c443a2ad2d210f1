/** What a run's results are turned into: the last line, tables, goals, pictures, and the guard's verdict. */
import { assert, describe, it } from "@effect/vitest"
import { bars, curves } from "../../bench/report/Chart.ts"
import { goals, standing } from "../../bench/report/Goals.ts"
import * as Growth from "../../bench/report/Growth.ts"
import * as Guard from "../../bench/report/Guard.ts"
import { lastLine } from "../../bench/report/LastLine.ts"
import { page } from "../../bench/report/Tables.ts"
import { callCase, results, row, six } from "./results.ts"

const TIMES = [1.5, 1.3, 1.15, 2, 1.6, 1.25]

describe("the last line", () => {
  it("has the six ratios of the run and the worst of the peers'", () => {
    assert.strictEqual(
      lastLine(results(six(TIMES))),
      "bench: stdio 16x100 1.50x limit, 16x10K 1.30x, 16x1M 1.15x; http 2.00x, 1.60x, 1.25x; best npm peer / ours 5.0x"
    )
  })

  it("rises with what ours takes, and falls for the peers", () => {
    const [first, ...rest] = six(TIMES)
    const slower = { ...first!, rows: [row("limit", 100), row("shipped", 900), row("peer", 1000)] }
    assert.match(lastLine(results([slower, ...rest])) ?? "", /16x100 9\.00x limit.*best npm peer \/ ours 1\.1x$/u)
  })

  it("takes the best of the peers that gave right answers", () => {
    const [first, ...rest] = six(TIMES)
    const rows = [...first!.rows, row("peer", 300), row("peer", 1, { fails: "wrong answers", cpu: [] })]
    assert.match(lastLine(results([{ ...first!, rows }, ...rest])) ?? "", /best npm peer \/ ours 2\.0x$/u)
  })

  it("is not there where a case is missing, or ours failed one", () => {
    assert.isUndefined(lastLine(results(six(TIMES).slice(1))))
    const [first, ...rest] = six(TIMES)
    const failed = { ...first!, rows: [row("limit", 100), row("shipped", 1, { fails: "no" }), row("peer", 1000)] }
    assert.isUndefined(lastLine(results([failed, ...rest])))
  })
})

describe("the page", () => {
  it("shows each target with its ratio, and why one fails", () => {
    const rows = [row("limit", 100), row("shipped", 150), row("peer", 0, { cpu: [], fails: "HTTP 413" })]
    const text = page(results([callCase("stdio", 1_000_000, rows)]))
    assert.match(text, /### stdio legacy 16x1M/u)
    assert.match(text, /\| the shipped \| 150 \| 0 % \| 1\.50 ± 0\.00 \|/u)
    assert.match(text, /\| the peer \| fails \(HTTP 413\) \|/u)
    assert.match(text, /not all of the last line was measured/u)
    assert.match(text, /2 cores \(A processor\), 25 GB, linux 6, Node 24\.21\.0\. mcp-proxy-server 4\.0\.0/u)
  })

  it("says what was skipped, and what went wrong", () => {
    const section = { title: "Reload", about: "It reloads.", columns: [], figures: [], skipped: "it cannot yet" }
    const text = page(results(six(TIMES), { sections: [section], problems: ["audit: 9 rows of 10 tools/call"] }))
    assert.match(text, /## Reload\n\nIt reloads\.\n\nSkipped: it cannot yet\./u)
    assert.match(text, /## Problems\n\n- audit: 9 rows of 10 tools\/call/u)
  })
})

describe("the goals", () => {
  const of = (what: string, times: number) => {
    const calls = [callCase("stdio", 100, [row("limit", 100), row("shipped", 100 * times), row("peer", 1000)])]
    return standing(goals(results(calls)).find((goal) => goal.what.includes(what))!)
  }

  it("are reached, within bounds or missed", () => {
    const what = "CPU, stdio legacy 16x100: of the limit's"
    assert.strictEqual(of(what, 1.4), "reached")
    assert.strictEqual(of(what, 1.9), "within bounds")
    assert.strictEqual(of(what, 2.1), "**missed**")
  })

  it("are not measured where there is no figure, which is not reached", () => {
    const all = goals(results([]))
    assert.isNotEmpty(all)
    assert.deepStrictEqual([...new Set(all.map(standing))], ["not measured"])
  })
})

describe("the guard", () => {
  const recorded = { "stdio 16x100": 2, "http 16x100": 3 }
  const measured = (value: number, error: number) =>
    new Map([
      ["stdio 16x100", { value, error }],
      ["http 16x100", { value: 3, error: 0.01 }]
    ])
  const worse = (value: number, error: number) =>
    Guard.judgeAll(measured(value, error), recorded).flatMap(({ isWorse, name }) => (isWorse ? [name] : []))

  it("lets pass what is as it was, or better, or worse by no more than chance", () => {
    assert.deepStrictEqual(worse(2, 0.01), [])
    assert.deepStrictEqual(worse(1.1, 0.01), [])
    assert.deepStrictEqual(worse(2.2, 0.01), [])
    assert.deepStrictEqual(worse(2.9, 0.3), [])
  })

  it("fails what is worse by more than the rounds differ", () => {
    assert.deepStrictEqual(worse(2.9, 0.05), ["stdio 16x100"])
    assert.deepStrictEqual(worse(4, 0.3), ["stdio 16x100"])
  })

  it("fails what was not measured", () => {
    assert.deepStrictEqual(
      Guard.judgeAll(new Map(), recorded).map(({ isWorse }) => isWorse),
      [true, true]
    )
    assert.deepStrictEqual(worse(2, Number.NaN), ["stdio 16x100"])
  })

  it("holds against the highest of the runs that were recorded", () => {
    const runs = [measured(2.125, 0), measured(2.5, 0), measured(1.5, 0)]
    assert.deepStrictEqual(Guard.highest(runs), { "stdio 16x100": 2.5, "http 16x100": 3 })
  })

  it("takes what was measured twice for slower only where it was so both times", () => {
    const again = new Map([["stdio 16x100", { value: 2, error: 0.01 }]])
    const verdict = (first: number, second: number) =>
      Guard.judgeAll(
        Guard.better(measured(first, 0.01), new Map([["stdio 16x100", { value: second, error: 0.01 }]])),
        recorded
      ).flatMap(({ isWorse, name }) => (isWorse ? [name] : []))
    assert.deepStrictEqual([verdict(4, 2), verdict(2, 4), verdict(4, 4)], [[], [], ["stdio 16x100"]])
    assert.deepStrictEqual(Guard.better(measured(4, 0.01), again).get("http 16x100"), { value: 3, error: 0.01 })
  })
})

describe("growth", () => {
  const series = (power: number, fixed = 0): Growth.Series => ({
    title: "a call",
    x: "servers",
    points: [1, 4, 16, 64].map((x) => [x, fixed + x ** power]),
    problems: []
  })

  it("is linear or better, or it is not", () => {
    assert.isTrue(Growth.isLinear(series(0)))
    assert.isTrue(Growth.isLinear(series(1)))
    assert.isFalse(Growth.isLinear(series(1.5)))
  })

  it("is seen where what is constant hides it", () => {
    const hidden = series(2, 200)
    assert.isBelow(Growth.exponents(hidden).all, 1)
    assert.isFalse(Growth.isLinear(hidden))
    assert.match(Growth.line(hidden), /worse than linear/u)
  })
})

describe("the pictures", () => {
  it("show a bar for each that has a figure, for light and for dark", () => {
    const svg = bars(results(six(TIMES)))
    assert.strictEqual(svg.match(/<rect class="one" x="130"/gu)?.length, 1 + 6)
    assert.match(svg, /prefers-color-scheme: dark/u)
    assert.match(svg, />1\.5×</u)
    assert.match(svg, />fails</u)
  })

  it("put nothing into the markup that could end it", () => {
    const curve = {
      title: "<b> & co",
      x: "x",
      points: [
        [1, 1],
        [2, 2]
      ] as const,
      verdict: "linear"
    }
    const svg = curves([curve])
    assert.match(svg, /&lt;b> &amp; co/u)
    assert.notMatch(svg, /<b>/u)
  })
})
