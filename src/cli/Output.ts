/** How results look on a terminal and to a pipe. */
import * as Console from "effect/Console"
import type * as Effect from "effect/Effect"
import * as CliOutput from "effect/cli/CliOutput"
import * as Terminal from "./Terminal.ts"

type Colour = "green" | "yellow" | "red" | "dim" | "bold"

const CODES: Readonly<Record<Colour, number>> = { green: 32, yellow: 33, red: 31, dim: 2, bold: 1 }

/** Text in colour, on a terminal. */
export const paint = (text: string, colour: Colour): string =>
  Terminal.stdout.isTerminal ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text

/** The colour of a server's status. */
export const statusColour = (status: string): Colour =>
  status === "ready" ? "green" : status === "failed" || status === "stopped" ? "red" : "yellow"

// oxlint-disable-next-line no-control-regex
const CODE = /\u001b\[\d+m/gu

/** The columns that a text takes on a terminal. */
const width = (text: string): number => CliOutput.displayWidth(text.replace(CODE, ""))

/** Rows as aligned columns; the last one takes what is left. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, index) =>
    Math.max(0, ...rows.map((row) => width(row[index] ?? "")))
  )
  return rows
    .map((row) =>
      row
        .map((cell, index) => (index === row.length - 1 ? cell : cell + " ".repeat((widths[index] ?? 0) - width(cell))))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** A result for a machine. */
export const json = (value: unknown): Effect.Effect<void> => Console.log(JSON.stringify(value, null, 2))

/** A result for a person. */
export const print = (text: string): Effect.Effect<void> => Console.log(text)
