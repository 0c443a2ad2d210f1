/** What a run has found, as it is written down. Everything else that is shown is made of this. */
import type { Machine } from "../machine/Machine.ts"
import type { Answers, Era } from "../load/Messages.ts"
import type { Role } from "../targets/Target.ts"

/** One target in a case of calls. */
export interface Row {
  readonly target: string
  readonly role: Role
  /** Microseconds of the process's own processor time for each request, round by round. */
  readonly cpu: ReadonlyArray<number>
  /** Microseconds, round by round. */
  readonly p50: ReadonlyArray<number>
  readonly p99: ReadonlyArray<number>
  readonly perSecond: ReadonlyArray<number>
  readonly calls: number
  /** Why there is nothing to show. */
  readonly fails?: string
}

/** Which calls were made. */
export interface CallCase {
  readonly upstream: "stdio" | "http"
  readonly answers: Answers
  readonly era: Era
  readonly concurrency: number
  readonly bytes: number
  readonly rows: ReadonlyArray<Row>
  /** Microseconds of the load client's own processor time for each request, over all targets. */
  readonly client: number
}

/** A figure that is no ratio of calls: what it is of, and of whom. */
export interface Figure {
  readonly target: string
  readonly values: Readonly<Record<string, number | string>>
}

/** A case of another kind: a table of its own. */
export interface Section {
  /** For `--only` and `--again`. */
  readonly name?: string
  readonly title: string
  /** What was done, in a sentence or two. */
  readonly about: string
  /** In order; what a value is, with its unit. */
  readonly columns: ReadonlyArray<string>
  readonly figures: ReadonlyArray<Figure>
  /** Why it was left out. */
  readonly skipped?: string
}

export interface Results {
  readonly started: string
  readonly form: "full" | "quick"
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly calls: ReadonlyArray<CallCase>
  readonly sections: ReadonlyArray<Section>
  /** What went wrong of what must not: each makes the run fail. */
  readonly problems: ReadonlyArray<string>
}
