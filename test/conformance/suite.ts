/** The official conformance suite as a program that is run. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Check, Listed, Results } from "./compare.ts"

/** What a suite is run against. */
export type Kind = "server" | "client" | "authorization"

/** A suite, or a part of it. */
export interface Suite {
  readonly label: string
  readonly kind: Kind
  /** The folder of its package. */
  readonly folder: string
  /** What chooses the scenarios to run. */
  readonly selection: ReadonlyArray<string>
  /** What chooses the same scenarios for the listing, which has them all without. */
  readonly listing: ReadonlyArray<string>
  /** Which of the listed are run, each by itself; without it, they are run together. */
  readonly singly?: {
    readonly includes: (scenario: string) => boolean
    /** So many mostly wait, and do not disturb each other. */
    readonly atOnce: number
  }
}

/** The suite could not be run to its end, or not understood. */
export class SuiteError extends Schema.TaggedError<SuiteError>()("SuiteError", { message: Schema.String }) {}

interface Ended {
  readonly code: number
  readonly output: string
}

const execute = (
  { folder, label }: Suite,
  args: ReadonlyArray<string>,
  printed: (output: string) => void = () => {}
): Effect.Effect<Ended, SuiteError> =>
  Effect.callback<Ended>((resume) => {
    const script = join(folder, "dist/index.js")
    const child = execFile(process.execPath, [script, ...args], { maxBuffer: Infinity }, (_, stdout, stderr) =>
      resume(Effect.succeed({ code: child.exitCode ?? -1, output: `${stdout}${stderr}` }))
    )
    let output = ""
    child.stdout?.on("data", (chunk: string) => {
      output += chunk
      printed(output)
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  }).pipe(
    Effect.timeoutOrElse({
      duration: "2 minutes",
      orElse: () => Effect.fail(new SuiteError({ message: `${label} ${args.join(" ")} does not come to an end` }))
    })
  )

const HEADING = {
  server: /^Server scenarios.*\n((?: +- .*\n)+)/mu,
  client: /^Client scenarios.*\n((?: +- .*\n)+)/mu,
  authorization: /^Authorization server scenarios.*\n((?: +- .*\n)+)/mu
}

/** The names of the scenarios that a run consists of. */
export const scenarios = Effect.fnUntraced(function* (suite: Suite) {
  const { output } = yield* execute(suite, ["list", `--${suite.kind}`, ...suite.listing])
  const includes = suite.singly?.includes ?? (() => true)
  const namesIn = (text: string, pattern: RegExp) =>
    [...text.matchAll(pattern)].flatMap(([, name]) => (name !== undefined && includes(name) ? [name] : []))
  const scored = namesIn(HEADING[suite.kind].exec(output)?.[1] ?? "", /^ +- (\S+)/gmu)
  if (scored.length === 0) {
    return yield* new SuiteError({ message: `${suite.label} lists no scenarios that can be made out:\n${output}` })
  }
  return { scored, unscored: namesIn(output, /^ +- (\S+) \[server\]$/gmu) } satisfies Listed
})

const RESULT = {
  server: /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/u,
  client: /^(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/u,
  authorization: /^authorization-server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/u
}

/** Reads what a run has left: a folder with its checks for each scenario, named after it and the time. */
const read = (kind: Kind, folder: string): Results =>
  new Map(
    readdirSync(folder).flatMap((name) => {
      const scenario = RESULT[kind].exec(name)?.[1]
      const file = join(folder, name, "checks.json")
      if (scenario === undefined || !existsSync(file)) return []
      return [[scenario, JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<Check>] as const]
    })
  )

/** Runs all of it against a URL, or a client's command. What it found is in the results, whatever its exit code is. */
export const run = (
  suite: Suite,
  { scored }: Listed,
  target: string,
  more: ReadonlyArray<string> = [],
  printed: (output: string) => void = () => {}
) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-conformance-"))),
    (folder) =>
      Effect.gen(function* () {
        const { kind, selection, singly } = suite
        const args = [kind, kind === "client" ? "--command" : "--url", target, ...selection, ...more, "-o", folder]
        const choices = singly === undefined ? [[]] : scored.map((scenario) => ["--scenario", scenario])
        const ended = yield* Effect.forEach(choices, (choice) => execute(suite, [...args, ...choice], printed), {
          concurrency: singly?.atOnce ?? 1
        })
        const failed = ended.filter(({ code }) => code !== 0)
        return {
          code: failed[0]?.code ?? 0,
          output: (failed.length > 0 ? failed : ended).map(({ output }) => output).join("\n"),
          results: read(kind, folder)
        }
      }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
