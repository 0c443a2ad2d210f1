/**
 * Completes package-lock.json. Where a registry, or an existing node_modules, lacks the packages of other platforms, npm
 * leaves them out of the lockfile that it writes, and `npm ci` then refuses it. Run this after every change of
 * dependencies: `npm run lockfile`.
 */
import { readFileSync, writeFileSync } from "node:fs"

interface Entry {
  readonly version?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const PATH = "package-lock.json"
const OS = /^(android|darwin|freebsd|linux|openharmony|win32|netbsd|openbsd|sunos|aix)$/u
const CPU = /^(arm|arm64|x64|ia32|ppc64|s390x|riscv64|loong64|wasm32)$/u

/** The node_modules in which Node looks for what a package imports, nearest first. */
const holders = (from: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let at = from; ;) {
    found.push(`${at === "" ? "" : `${at}/`}node_modules/`)
    if (at === "") return found
    const parent = at.lastIndexOf("node_modules/")
    at = parent <= 0 ? "" : at.slice(0, parent - 1)
  }
}

/** What npm would write of a package that is for another platform; its name says which. */
const entryFor = (name: string, version: string): object => {
  const parts = (name.split("/").at(-1) ?? "").split("-")
  const os = parts.find((part) => OS.test(part))
  const cpu = parts.find((part) => CPU.test(part))
  const libc = parts.some((part) => part.startsWith("musl"))
    ? "musl"
    : parts.some((part) => part.startsWith("gnu"))
      ? "glibc"
      : undefined
  return {
    version,
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    dev: true,
    ...(os === "linux" && libc !== undefined ? { libc: [libc] } : {}),
    optional: true,
    ...(os === undefined ? {} : { os: [os] })
  }
}

const lock = JSON.parse(readFileSync(PATH, "utf8")) as { packages: Record<string, Entry> }
const packages: Record<string, Entry | object> = { ...lock.packages }
let added = 0
for (const [path, { optionalDependencies = {} }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const at = holders(path)
      .map((holder) => holder + name)
      .find((candidate) => candidate in packages)
    const present = at === undefined ? undefined : (packages[at] as Entry)
    if (present !== undefined && (present.version === version || !/^\d/u.test(version))) continue
    packages[at === undefined ? `node_modules/${name}` : `${path}/node_modules/${name}`] = entryFor(name, version)
    added++
  }
}
const { "": root, ...others } = packages
const sorted = Object.fromEntries(Object.entries(others).sort(([a], [b]) => a.localeCompare(b, "en")))
writeFileSync(PATH, `${JSON.stringify({ ...lock, packages: { "": root, ...sorted } }, null, 2)}\n`)
console.log(`${PATH}: ${added} packages of other platforms added`)
