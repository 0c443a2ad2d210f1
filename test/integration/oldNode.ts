/** A Node that is too old, as on the machines of people who never chose one. */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"

/** The first one on the PATH; undefined where there is none. */
export const oldNode = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .map((folder) => join(folder, "node"))
  .find((path) => existsSync(path) && /^v(1\d|20|21)\./u.test(execFileSync(path, ["--version"], { encoding: "utf8" })))
