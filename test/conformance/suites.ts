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

/** What a revision required when it was released: of what is known of it now, a part, and so not run by itself. */
export const required = (revision: string): Suite =>
  suite(alpha, ["--requirements", revision], ["--requirements", revision])

/** Everything there is to know about a revision now. */
export const known = (revision: string): Suite =>
  suite(alpha, ["--suite", "all", "--spec-version", revision], ["--spec-version", revision])

/** What is asked of a server of the revisions with sessions. */
export const legacySuites = [
  suite(stable, ["--suite", "all"], []),
  ...["2025-03-26", "2025-06-18", "2025-11-25"].map(known)
]

/** What is asked of a server of the revision without. */
export const modernSuites = [known("2026-07-28")]

/** Scenarios of the suite, each by itself. */
const some = (label: string, kind: Kind, selection: ReadonlyArray<string>, singly: Suite["singly"]): Suite => ({
  label: `${alpha.version} ${label}`,
  kind,
  folder: alpha.folder,
  selection,
  listing: selection,
  ...(singly === undefined ? {} : { singly })
})

/** What is asked of a server whose tools become tasks. */
export const tasks = some("tasks-*", "server", [], {
  includes: (scenario) =>
    scenario.startsWith("tasks-") &&
    // The suite says of it that it is yet to be written, and always skips it.
    scenario !== "tasks-status-notifications",
  atOnce: 4
})

/** What cannot be passed on behalf of a server that asks in its sessions, and why. */
const ONLY_WITHOUT_SESSIONS: ReadonlyMap<string, string> = new Map([
  [
    "input-required-result-basic-elicitation",
    "the question has to have the key user_name; in a session none has a key"
  ],
  ["input-required-result-ignore-extra-params", "the very first call brings the answer to a question nobody has asked"]
])

/** What is asked of a server that asks, where its questions become results on the way. */
export const inputRequired = some("input-required-result-*", "server", [], {
  includes: (scenario) => scenario.startsWith("input-required-result-") && !ONLY_WITHOUT_SESSIONS.has(scenario),
  // A question on a pipe does not say which of several calls it is about.
  atOnce: 1
})

/** What is asked of a client of each revision; signing in to servers is another matter. */
export const clientSuites = ["2025-06-18", "2025-11-25", "2026-07-28"].map((revision) =>
  some(`client ${revision}`, "client", ["--spec-version", revision], {
    includes: (scenario) => !scenario.startsWith("auth/"),
    atOnce: 3
  })
)

/** What cannot be passed on behalf of a server without sessions, and why. */
export const ONLY_WITH_SESSIONS: ReadonlyMap<string, string> = new Map([
  ["server-sse-polling", "its tool closes the stream that it answers on; without a session that is the end of the call"]
])

/** What it asks of an authorization server. */
export const authorization = some("authorization", "authorization", [], undefined)
