/** Results as a page of tables. Pure. */
import { nameOf } from "./Names.ts"
import { type Goal, goals, standing } from "./Goals.ts"
import { lastLine, overLimit, peerOverOurs } from "./LastLine.ts"
import type { CallCase, Results, Row, Section } from "./Results.ts"
import { deviation, median, ratio, type Ratio } from "./Statistics.ts"

export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, column) => (column === 0 ? "---" : "---:")), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n")

/** Three digits are all that can be believed. */
export const figure = (value: number): string => {
  if (!Number.isFinite(value)) return "-"
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}

const withError = ({ error, value }: Ratio): string =>
  Number.isFinite(error) ? `${value.toFixed(2)} ± ${error.toFixed(2)}` : value.toFixed(2)

const rowOf = (row: Row, limit: Row | undefined): ReadonlyArray<string> => {
  if (row.fails !== undefined) return [row.target, `fails (${row.fails})`, "", "", "", "", ""]
  const spread = (100 * deviation(row.cpu)) / median(row.cpu)
  return [
    row.target,
    figure(median(row.cpu)),
    `${spread.toFixed(0)} %`,
    limit === undefined || limit.fails !== undefined ? "-" : withError(ratio(row.cpu, limit.cpu)),
    figure(median(row.p50)),
    figure(median(row.p99)),
    figure(median(row.perSecond))
  ]
}

const callTable = ({ rows }: CallCase): string => {
  const limit = rows.find(({ role }) => role === "limit")
  return table(
    ["target", "CPU µs/request", "spread", "of the limit's", "p50 µs", "p99 µs", "requests/s"],
    rows.map((row) => rowOf(row, limit))
  )
}

/** All cases of calls at one glance: what ours costs of the limit's, and the best peer of ours. */
const overview = (calls: ReadonlyArray<CallCase>): string =>
  table(
    ["case", "shipped / limit", "bare / limit", "best peer / shipped", "client µs/request"],
    calls.map((one) => [
      nameOf(one),
      ...[overLimit(one), overLimit(one, "bare"), peerOverOurs(one)].map((all) =>
        all === undefined ? "-" : withError(all)
      ),
      figure(one.client)
    ])
  )

/** A case of another kind. */
export const sectionText = ({ about, columns, figures, skipped, title }: Section): string => {
  const shown = (value: number | string | undefined): string =>
    value === undefined ? "-" : typeof value === "number" ? figure(value) : value
  const body =
    skipped === undefined
      ? table(
          ["target", ...columns],
          figures.map(({ target, values }) => [target, ...columns.map((column) => shown(values[column]))])
        )
      : `Skipped: ${skipped}.`
  return `## ${title}\n\n${about}\n\n${body}`
}

/** What was promised for ours as shipped, and what came of it. */
const goalTable = (all: ReadonlyArray<Goal>): string =>
  table(
    ["as shipped", "goal", "not done above", "measured", "is"],
    all.map((one) => [
      one.what,
      figure(one.goal),
      figure(one.bound),
      one.measured === undefined ? "-" : figure(one.measured),
      standing(one)
    ])
  )

const READING = `CPU is the processor time of the process itself, its threads included and its children not, by request answered;
medians over rounds in which all targets take turns. A ratio is the median of the ratios of the rounds, ± its standard error.
The spread is 1.4826 median absolute deviations. Absolute numbers belong to the machine and to what else ran on it: compare
ratios. Every answer was held against its request; a target that gave a wrong one fails the case.`

/** The whole page. */
export const page = (results: Results): string => {
  const { calls, form, machine, problems, sections, started, versions } = results
  const promised = goals(results)
  const head = [
    "# Results of the benchmark",
    `Written by \`npm run bench${form === "quick" ? " -- --quick" : ""}\` at ${started}.`,
    `${machine.cores} cores (${machine.processor}), ${machine.memory} GB, ${machine.kernel}, Node ${machine.node}. ${Object.entries(
      versions
    )
      .map((one) => one.join(" "))
      .join(", ")}.`,
    READING,
    `\`${lastLine(results) ?? "bench: not all of the last line was measured"}\``
  ]
  return `${[
    ...head,
    ...(problems.length === 0 ? [] : [`## Problems\n\n${problems.map((one) => `- ${one}`).join("\n")}`]),
    ...(promised.length === 0 ? [] : [`## Goals\n\n${goalTable(promised)}`]),
    ...(calls.length === 0 ? [] : [`## Calls at a glance\n\n${overview(calls)}`]),
    ...sections.map(sectionText),
    ...(calls.length === 0 ? [] : ["## Calls in full"]),
    ...calls.map((one) => `### ${nameOf(one)}\n\n${callTable(one)}`)
  ].join("\n\n")}\n`
}
