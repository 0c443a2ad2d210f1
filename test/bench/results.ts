/** Results as a run would find them, for those who make something of them. */
import type { CallCase, Results, Row } from "../../bench/report/Results.ts"
import { SIZES } from "../../bench/report/LastLine.ts"

/** A target that took so many microseconds for each request, in every round. */
export const row = (role: Row["role"], cpu: number, more: Partial<Row> = {}): Row => ({
  target: `the ${role}`,
  role,
  cpu: [cpu, cpu, cpu],
  p50: [cpu, cpu, cpu],
  p99: [2 * cpu, 2 * cpu, 2 * cpu],
  perSecond: [1000, 1000, 1000],
  calls: 3000,
  ...more
})

/** The case with these rows, legacy and JSON at concurrency 16. */
export const callCase = (
  upstream: "stdio" | "http",
  bytes: number,
  rows: ReadonlyArray<Row>,
  more: Partial<CallCase> = {}
): CallCase => ({
  upstream,
  answers: "json",
  era: "legacy",
  concurrency: 16,
  bytes,
  client: 5,
  rows,
  ...more
})

/** The six cases of the last line: 100 µs the limit, and ours so many times that; a peer 1000 µs. */
export const six = (times: ReadonlyArray<number>): ReadonlyArray<CallCase> =>
  (["stdio", "http"] as const).flatMap((kind, first) =>
    SIZES.map(({ bytes }, second) =>
      callCase(kind, bytes, [
        row("limit", 100),
        row("shipped", 100 * (times[3 * first + second] ?? 1)),
        row("peer", 1000)
      ])
    )
  )

export const results = (calls: ReadonlyArray<CallCase>, more: Partial<Results> = {}): Results => ({
  started: "2026-11-26T00:00:00.000Z",
  form: "full",
  machine: { cores: 2, processor: "A processor", memory: 25, kernel: "linux 6", node: "24.21.0" },
  versions: { "mcp-proxy-server": "4.0.0" },
  calls,
  sections: [],
  problems: [],
  ...more
})
