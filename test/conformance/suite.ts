/** The official conformance suite, in the two versions of it that are kept, as a program that is run. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { projectRoot } from "../integration/harness.ts"
import type { Check, Results } from "./compare.ts"

/** What a suite is run against. */
type Kind = "server" | "authorization"

/** A suite, or what of it one revision of the protocol requires. */
export interface Suite {
  readonly label: string
  readonly kind: Kind
  /** The folder of its package. */
  readonly folder: string
  /** What chooses the scenarios to run. */
  readonly selection: ReadonlyArray<string>
  /** What chooses the same scenarios for the listing, which has them all without. */
  readonly listing: ReadonlyArray<string>
}

const suite = (
  name: string,
  selection: ReadonlyArray<string>,
  listing: ReadonlyArray<string>,
  kind: Kind = "server"
): Suite => {
  const folder = join(projectRoot, "node_modules", name)
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { readonly version: string }
  return { label: `${version} ${selection.at(-1) ?? kind}`, kind, folder, selection, listing }
}

const REVISION = ["--requirements", "2025-11-25"]

export const suites = [
  suite("conformance-stable", ["--suite", "all"], []),
  suite("conformance-alpha", REVISION, REVISION)
] as const

/** What it asks of an authorization server. */
export const authorization = suite("conformance-alpha", [], [], "authorization")

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
  authorization: /^Authorization server scenarios.*\n((?: +- .*\n)+)/mu
}

/** The names of the scenarios that a run consists of. */
export const scenarios = Effect.fnUntraced(function* (suite: Suite) {
  const { output } = yield* execute(suite, ["list", `--${suite.kind}`, ...suite.listing])
  const section = HEADING[suite.kind].exec(output)?.[1] ?? ""
  const scored = [...section.matchAll(/^ +- (\S+)/gmu)]
  // These are run as well, though nobody has to pass them.
  const unscored = [...output.matchAll(/^ +- (\S+) \[server\]$/gmu)]
  const names = [...scored, ...unscored].flatMap(([, name]) => name ?? [])
  if (scored.length === 0) {
    return yield* new SuiteError({ message: `${suite.label} lists no scenarios that can be made out:\n${output}` })
  }
  return names
})

const RESULT = {
  server: /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/u,
  authorization: /^authorization-server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/u
}

/** Reads what a run has left: a folder `{kind}-{scenario}-{time}` each, with its checks. */
const read = (kind: Kind, folder: string): Results =>
  new Map(
    readdirSync(folder).flatMap((name) => {
      const scenario = RESULT[kind].exec(name)?.[1]
      const file = join(folder, name, "checks.json")
      if (scenario === undefined || !existsSync(file)) return []
      return [[scenario, JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<Check>] as const]
    })
  )

/** Runs all of it against a URL. What it found is in the results, whatever its exit code is. */
export const run = (
  suite: Suite,
  url: string,
  more: ReadonlyArray<string> = [],
  printed: (output: string) => void = () => {}
) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-conformance-"))),
    (folder) =>
      Effect.gen(function* () {
        const args = [suite.kind, "--url", url, ...suite.selection, ...more, "-o", folder]
        const ended = yield* execute(suite, args, printed)
        return { ...ended, results: read(suite.kind, folder) }
      }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
