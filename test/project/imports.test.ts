/** The floors of the house, and what package.json says about what the code uses. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import * as Imports from "../../scripts/imports.ts"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

describe("an import", () => {
  const complaints = (modules: Readonly<Record<string, string>>) =>
    Imports.arrows(new Map(Object.entries(modules))).flatMap((arrow) => Imports.complaint(arrow) ?? [])

  it("of an earlier floor, or of the own one, is fine", () => {
    assert.deepStrictEqual(
      complaints({
        "domain/A.ts": 'import { b } from "./B.ts"',
        "fleet/Fleet.ts": 'import type { A } from "../domain/A.ts"\nimport * as Effect from "effect/Effect"',
        "main.ts": 'await import("./cli/program.ts")',
        "observability/Version.ts": 'import manifest from "../../package.json" with { type: "json" }'
      }),
      []
    )
  })

  it("of a later floor is noticed, however it is written", () => {
    for (const source of [
      'import { x } from "../http/X.ts"',
      'import type { X } from "../http/X.ts"',
      'export * from "../http/X.ts"',
      'export type { X } from "../http/X.ts"',
      'import "../http/X.ts"',
      'const later = () => import("../http/X.ts")'
    ]) {
      const expected = ["gateway/A.ts -> http/X.ts: gateway stands below http"]
      assert.deepStrictEqual(complaints({ "gateway/A.ts": source }), expected, source)
    }
  })

  it("in a comment or a text is none", () => {
    const source = '// import "../http/X.ts"\nexport const text = `import "../http/X.ts"`'
    assert.deepStrictEqual(complaints({ "gateway/A.ts": source }), [])
  })

  it("of the entry, or from a folder that stands on no floor, is noticed", () => {
    assert.match(complaints({ "cli/A.ts": 'import "../main.ts"' })[0] ?? "", /nothing imports main\.ts/u)
    assert.match(complaints({ "utils/A.ts": 'import "../domain/B.ts"' })[0] ?? "", /utils\/A\.ts is on no floor/u)
    assert.match(complaints({ "other.ts": 'import "./domain/B.ts"' })[0] ?? "", /other\.ts is on no floor/u)
  })
})

describe("a cycle", () => {
  const arrows = (...pairs: ReadonlyArray<readonly [string, string]>) => pairs.map(([from, to]) => ({ from, to }))

  it("of any length is noticed", () => {
    assert.deepStrictEqual(Imports.cycles(arrows(["a", "a"])), [["a", "a"]])
    assert.deepStrictEqual(Imports.cycles(arrows(["start", "a"], ["a", "b"], ["b", "c"], ["c", "a"])), [
      ["a", "b", "c", "a"]
    ])
  })

  it("is noticed behind files that were seen before", () => {
    const found = Imports.cycles(arrows(["a", "b"], ["x", "b"], ["x", "y"], ["y", "x"]))
    assert.deepStrictEqual(found, [["x", "y", "x"]])
  })

  it("is not what two ways to one file are", () => {
    assert.deepStrictEqual(Imports.cycles(arrows(["a", "b"], ["a", "c"], ["b", "d"], ["c", "d"])), [])
  })
})

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const manifest = JSON.parse(read("package.json")) as Manifest

const declared = Object.entries({
  ...manifest.dependencies,
  ...manifest.devDependencies,
  ...manifest.optionalDependencies,
  ...manifest.peerDependencies
})

describe("every dependency", () => {
  it("has an exact version", () => {
    const loose = declared.filter(
      ([, version]) => !/^(npm:(@[\w-]+\/)?[\w-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/u.test(version)
    )
    assert.deepStrictEqual(loose, [])
  })

  it("is used", () => {
    const code = globSync("{src,test,scripts,examples,bench}/**/*.ts", { cwd: root })
    const settings = globSync(["*.ts", "*.json", ".*.json", ".github/workflows/*", ".ci/*"], { cwd: root })
    const texts = [...code, ...settings.filter((file) => !/^package(-lock)?\.json$/u.test(file))].map(read).join("\n")
    const commands = new Set(Object.values(manifest.scripts).flatMap((script) => script.split(/\s+/u)))

    /** Its own name, between what may surround it in an import, a path or the arguments of npx. */
    const isNamed = (name: string): boolean =>
      new RegExp(`["'\`/]${name.replaceAll(".", "\\.")}["'\`/@]`, "u").test(texts)
    const isRun = (name: string): boolean => {
      const file = join(root, "node_modules", name, "package.json")
      if (!existsSync(file)) return false
      const { bin = {} } = JSON.parse(readFileSync(file, "utf8")) as { bin?: string | Record<string, string> }
      const names = typeof bin === "string" ? [name.replace(/^@[^/]*\//u, "")] : Object.keys(bin)
      return names.some((command) => commands.has(command))
    }
    /** Types are named in the compiler's settings, or are those of a package that is named. */
    const isTypes = (name: string): boolean =>
      name.startsWith("@types/") &&
      (isNamed(name.slice(7)) || JSON.parse(read("tsconfig.json")).compilerOptions.types.includes(name.slice(7)))

    const unused = declared.map(([name]) => name).filter((name) => !isNamed(name) && !isRun(name) && !isTypes(name))
    assert.deepStrictEqual(unused, [])
  })
})

interface Locked {
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const { packages } = JSON.parse(read("package-lock.json")) as { readonly packages: Readonly<Record<string, Locked>> }

describe("the lockfile", () => {
  /** The entry that a package at a path is given when it asks for a name. */
  const find = (path: string, name: string): Locked | undefined => {
    for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
      const found = packages[`${at === "" ? "" : `${at}/`}node_modules/${name}`]
      if (found !== undefined || at === "") return found
    }
  }

  // An npm that could not see a package when it wrote the file leaves it out; "npm ci" then fails everywhere.
  it("has what every package asks for, for every platform", () => {
    const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.entries({ ...dependencies, ...optionalDependencies }).flatMap(([name, wanted]) => {
        const found = find(path, name)
        const fits = found !== undefined && (!/^\d+\.\d+\.\d+$/u.test(wanted) || found.version === wanted)
        return fits ? [] : [`${path || "package.json"}: ${name}@${wanted}`]
      })
    )
    assert.deepStrictEqual(missing, [])
  })
})

describe("the servers of mcp_config.json", () => {
  const { mcpServers } = JSON.parse(read("mcp_config.json")) as {
    readonly mcpServers: Readonly<Record<string, { readonly command: string; readonly args: ReadonlyArray<string> }>>
  }

  it("are started by npx, in the version that the tests run", () => {
    for (const [id, { args, command }] of Object.entries(mcpServers)) {
      const [, name = "", version] = /^(.+)@([^@]+)$/u.exec(args[1] ?? "") ?? []
      assert.deepStrictEqual([command, args[0]], ["npx", "-y"], id)
      assert.strictEqual(version, packages[`node_modules/${name}`]?.version, id)
    }
  })
})
