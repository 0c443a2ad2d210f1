/** The floors of the house: which folder of src/ may import which. Fails on an arrow that runs back, and on a cycle. */
import { globSync, readFileSync } from "node:fs"
import { posix } from "node:path"
import { parseSync } from "rolldown/utils"
import { isMain } from "./isMain.ts"

/** Ground floor first: a folder imports from folders before it, and from itself. */
export const FLOORS = [
  "domain",
  "settings",
  "keys",
  "observability",
  "config",
  "storage",
  "html",
  "access",
  "upstream",
  "fleet",
  "gateway",
  "auth",
  "console",
  "http",
  "cli"
]

/** They stand on the roof: they import everything, and nothing imports them. */
const ROOF = new Set(["main.ts", "index.ts"])

/** One file imports another; both as paths below src/. */
export interface Arrow {
  readonly from: string
  readonly to: string
}

/** What a module imports and re-exports, types included. */
export const specifiers = (file: string, source: string): ReadonlyArray<string> => {
  const { errors, module } = parseSync(file, source)
  if (errors[0] !== undefined) throw new Error(`${file}: ${errors[0].message}`)
  return [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? [])
    ),
    ...module.dynamicImports.flatMap(({ moduleRequest: { end, start } }) => {
      const literal = /^(["'`])(.*)\1$/u.exec(source.slice(start, end))
      return literal?.[2] ?? []
    })
  ]
}

/** The arrows of a set of modules: path below src/ → source. */
export const arrows = (modules: ReadonlyMap<string, string>): ReadonlyArray<Arrow> =>
  [...modules].flatMap(([from, source]) => {
    const targets = specifiers(from, source)
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => posix.join(posix.dirname(from), specifier))
    // Files outside src/, such as package.json, are nobody's floor.
    return [...new Set(targets)].filter((to) => !to.startsWith("..")).map((to) => ({ from, to }))
  })

const floor = (file: string): number =>
  ROOF.has(file) ? FLOORS.length : FLOORS.indexOf(file.includes("/") ? (file.split("/")[0] ?? "") : file)

/** What is wrong with an arrow; undefined where nothing is. */
export const complaint = ({ from, to }: Arrow): string | undefined => {
  for (const file of [from, to]) {
    if (floor(file) === -1) return `${from} -> ${to}: ${file} is on no floor; see FLOORS in scripts/imports.ts`
  }
  if (ROOF.has(to)) return `${from} -> ${to}: nothing imports ${to}`
  return floor(to) > floor(from)
    ? `${from} -> ${to}: ${from.split("/")[0]} stands below ${to.split("/")[0]}`
    : undefined
}

/** Cycles among files, at least one for each knot of them. */
export const cycles = (all: ReadonlyArray<Arrow>): ReadonlyArray<ReadonlyArray<string>> => {
  const targets = Map.groupBy(all, ({ from }) => from)
  const found: Array<ReadonlyArray<string>> = []
  const done = new Set<string>()
  const walk = (file: string, path: ReadonlyArray<string>): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file])
      return
    }
    if (done.has(file)) return
    for (const { to } of targets.get(file) ?? []) walk(to, [...path, file])
    done.add(file)
  }
  for (const file of targets.keys()) walk(file, [])
  return found
}

if (isMain(import.meta)) {
  const files = globSync("**/*.ts", { cwd: "src" }).map((file) => file.replaceAll("\\", "/"))
  const all = arrows(new Map(files.map((file) => [file, readFileSync(`src/${file}`, "utf8")])))
  const back = all.flatMap((arrow) => complaint(arrow) ?? [])
  const round = cycles(all)
  for (const line of back) console.error(line)
  for (const cycle of round) console.error(`cycle: ${cycle.join(" -> ")}`)
  console.log(`imports: ${files.length} files, ${all.length} arrows, ${back.length} back, ${round.length} cycles`)
  if (back.length + round.length > 0) process.exitCode = 1
}
