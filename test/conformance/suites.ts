/** What is run of the official conformance suite, in the two versions of it that are kept. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../integration/harness.ts"
import type { Kind, Suite } from "./suite.ts"

const packaged = (name: string) => {
  const folder = join(projectRoot, "node_modules", name)
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { readonly version: string }
  return { folder, version }
}

const stable = packaged("conformance-stable")
const alpha = packaged("conformance-alpha")

const suite = (
  { folder, version }: ReturnType<typeof packaged>,
  selection: ReadonlyArray<string>,
  listing: ReadonlyArray<string>
): Suite => ({ label: `${version} ${selection.join(" ")}`, kind: "server", folder, selection, listing })

/** What a revision required when it was released. */
const required = (revision: string): Suite => suite(alpha, ["--requirements", revision], ["--requirements", revision])

/** Everything there is to know about a revision now. */
const known = (revision: string): Suite =>
  suite(alpha, ["--suite", "all", "--spec-version", revision], ["--spec-version", revision])

/** What is asked of a server of the revisions with sessions. */
export const legacySuites = [
  suite(stable, ["--suite", "all"], []),
  required("2025-11-25"),
  ...["2025-03-26", "2025-06-18", "2025-11-25"].map(known)
]

/** What is asked of a server of the revision without. */
export const modernSuites = [required("2026-07-28"), known("2026-07-28")]

/** Some scenarios of the suite, each by itself, in the revision that it is about. */
const some = (label: string, includes: (scenario: string) => boolean, kind: Kind = "server"): Suite => ({
  label: `${alpha.version} ${label}`,
  kind,
  folder: alpha.folder,
  selection: [],
  listing: [],
  includes
})

/** What is asked of a server whose tools become tasks. */
export const tasks = some(
  "tasks-*",
  (scenario) =>
    scenario.startsWith("tasks-") &&
    // The suite says of it that it is yet to be written, and always skips it.
    scenario !== "tasks-status-notifications"
)

/** Why these cannot pass where the questions are those of a server that knows nothing but sessions. */
const ONLY_WITHOUT_SESSIONS: ReadonlyMap<string, string> = new Map([
  [
    "input-required-result-basic-elicitation",
    "the question is to have the key user_name; keys have no place in a session"
  ],
  ["input-required-result-ignore-extra-params", "the first call answers user_name before anybody has asked"]
])

/** What is asked of a server that asks, where its questions become results on the way. */
export const inputRequired = some(
  "input-required-result-*",
  (scenario) => scenario.startsWith("input-required-result-") && !ONLY_WITHOUT_SESSIONS.has(scenario)
)

/** What is asked of a client of each revision; signing in to servers is another matter. */
export const clientSuites = ["2025-06-18", "2025-11-25", "2026-07-28"].map((revision): Suite => ({
  ...some(`client ${revision}`, (scenario) => !scenario.startsWith("auth/"), "client"),
  selection: ["--spec-version", revision],
  listing: ["--spec-version", revision]
}))

/** What it asks of an authorization server. */
export const authorization: Suite = {
  label: `${alpha.version} authorization`,
  kind: "authorization",
  folder: alpha.folder,
  selection: [],
  listing: []
}
