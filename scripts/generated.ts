/** Files that are made from the sources: written, or held against what would be written. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"

/** Where a file first differs from what it should be; undefined where it does not. */
export const drift = (actual: string, expected: string): string | undefined => {
  if (actual === expected) return undefined
  const have = actual.split("\n")
  const want = expected.split("\n")
  const at = want.findIndex((line, index) => line !== have[index])
  const line = at === -1 ? want.length : at
  return `line ${line + 1} is ${JSON.stringify(have[line] ?? "")}, not ${JSON.stringify(want[line] ?? "")}`
}

/** Writes the file; with `--check` on the command line, fails where it is not what would be written. */
export const settle = (path: string, content: string, remedy: string): void => {
  if (!process.argv.includes("--check")) {
    writeFileSync(path, content)
    console.log(`${path} written`)
    return
  }
  const difference = drift(existsSync(path) ? readFileSync(path, "utf8") : "", content)
  if (difference === undefined) return
  console.error(`${path} is not what the sources say: ${difference}. Run "${remedy}".`)
  process.exitCode = 1
}
