/**
 * Prints the version that a build of this commit bears: that of package.json where it is newer than every tag, for minor
 * and major versions are raised there by hand; else the last tag's with its patch raised. A commit that bears a tag
 * already keeps it.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { isMain } from "./isMain.ts"

type Version = readonly [major: number, minor: number, patch: number]

const parse = (text: string): Version | undefined => {
  const match = /^v?(\d+)\.(\d+)\.(\d+)$/u.exec(text)
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])]
}

const compare = (a: Version, b: Version): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]

const highest = (tags: ReadonlyArray<string>): Version | undefined =>
  tags
    .map(parse)
    .filter((version) => version !== undefined)
    .sort(compare)
    .at(-1)

/** `tags` are all of the repository's, `here` those of the commit itself; other tags than `v1.2.3` do not count. */
export const next = (manifest: string, tags: ReadonlyArray<string>, here: ReadonlyArray<string>): string => {
  const own = parse(manifest)
  if (own === undefined) throw new Error(`package.json: ${JSON.stringify(manifest)} is not of the form 1.2.3`)
  const kept = highest(here)
  if (kept !== undefined) return kept.join(".")
  const last = highest(tags)
  if (last === undefined || compare(own, last) > 0) return own.join(".")
  return [last[0], last[1], last[2] + 1].join(".")
}

const tags = (...args: ReadonlyArray<string>): ReadonlyArray<string> =>
  execFileSync("git", ["tag", ...args], { encoding: "utf8" }).split("\n")

if (isMain(import.meta)) {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string }
  console.log(next(manifest.version, tags(), tags("--points-at", "HEAD")))
}
