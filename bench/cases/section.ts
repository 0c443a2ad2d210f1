/** Cases that are no plain calls: each measures by itself, and says what it found as a table. */
import type { Programs } from "../build.ts"
import type { CallCase, Figure, Section } from "../report/Results.ts"
import { median, ratio } from "../report/Statistics.ts"

export interface Context {
  readonly programs: Programs
  readonly withoutMetrics: boolean
  readonly say: (line: string) => void
}

export interface Found {
  readonly section: Section
  readonly problems: ReadonlyArray<string>
}

export interface Case {
  /** For `--only`. */
  readonly name: string
  readonly run: (context: Context) => Promise<Found>
}

/** The columns of a case that was measured like calls. */
export const CALL_COLUMNS = ["CPU µs/request", "of the limit's", "p50 µs", "p99 µs", "p99 of the limit's"]

/** The rows of a case that was measured like calls. */
export const callFigures = ({ rows }: CallCase, label = (target: string): string => target): ReadonlyArray<Figure> => {
  const limit = rows.find(({ role }) => role === "limit")
  return rows.map(({ cpu, fails, p50, p99, target }) => ({
    target: label(target),
    values:
      fails === undefined
        ? {
            "CPU µs/request": median(cpu),
            ...(limit === undefined || limit.fails !== undefined
              ? {}
              : {
                  "of the limit's": ratio(cpu, limit.cpu).value,
                  "p99 of the limit's": ratio(p99, limit.p99).value
                }),
            "p50 µs": median(p50),
            "p99 µs": median(p99)
          }
        : { "CPU µs/request": `fails (${fails})` }
  }))
}
