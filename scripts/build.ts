/**
 * Builds dist/: main.js, which starts program.js, and the two need nothing beside them; what V8 makes of them; index.js with its
 * types for programs that embed the gateway.
 */
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { type Plugin, rolldown } from "rolldown"
import { parseAst } from "rolldown/parseAst"

const manifest = JSON.parse(readFileSync("package.json", "utf8"))

/** What is published is made from dist/, and needs nothing but `effect` where it is embedded. */
const published = {
  name: manifest.name,
  version: manifest.version,
  description: manifest.description,
  license: manifest.license,
  type: manifest.type,
  engines: manifest.engines,
  bin: { "mcp-proxy-server": "main.js" },
  exports: { ".": { types: "./types/src/index.d.ts", default: "./index.js" } },
  peerDependencies: { effect: manifest.peerDependencies.effect },
  peerDependenciesMeta: { effect: { optional: true } }
}

const commit = (): string => {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    }).trim()
  } catch {
    return process.env["GIT_COMMIT"] ?? "unknown commit"
  }
}

const define = {
  __COMMIT__: JSON.stringify(commit()),
  __BUILT_AT__: JSON.stringify(new Date().toISOString().replace(/\.\d+Z$/u, "Z"))
}

/** The program is a file of its own, so that it is compiled after its starter has said where the result is kept. */
const programApart = {
  name: "program apart",
  resolveId: (id: string) => (id.endsWith("/program.ts") ? { id: "./program.js", external: true } : undefined)
}

/** Content types that an authorization server may be asked for, or send. */
const TYPES = [
  "application/json",
  "application/octet-stream",
  "application/x-www-form-urlencoded",
  "multipart/form-data",
  "text/html",
  "text/plain"
]

/** Koa brings all content types there are, and another edition of them: a tenth of the program. */
const fewTypes = {
  name: "few content types",
  load: (id: string) => {
    if (!id.endsWith("/mime-db/db.json")) return null
    const all = JSON.parse(readFileSync(id, "utf8")) as Record<string, unknown>
    return JSON.stringify(Object.fromEntries(TYPES.map((type) => [type, all[type]])))
  }
} satisfies Plugin

/** A part of a text, from where to where. */
interface Span {
  readonly start: number
  readonly end: number
}

const BUILTIN = /^import (?:\* as ([\w$]+)|\{([^}]*)\}|([\w$]+)) from ("node:[^"]+");$/gmu

/**
 * Whoever imports one of Node's own modules has all that it exports evaluated: with `node:http`, an HTTP client that is not
 * used here; with `node:crypto`, Web Cryptography. Fetched, they are what is used of them.
 */
const builtinsFetched = {
  name: "builtins fetched",
  // Each line stays where it is, so the map does too.
  renderChunk: (text: string) => ({
    code: text.replace(BUILTIN, (_, namespace?: string, names?: string, whole?: string, id = "") => {
      const taken = names === undefined ? (namespace ?? whole) : `{${names.replaceAll(" as ", ": ")}}`
      return `const ${taken} = process.getBuiltinModule(${id});`
    }),
    map: null
  })
} satisfies Plugin

/** Where the functions of a program are that are assigned to a member of an object as they are made. */
const assignedFunctions = (tree: object): ReadonlyArray<Span> => {
  const found: Array<Span> = []
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return
    const { left, right, type } = node as { type?: string; left?: { type: string }; right?: Span & { type: string } }
    if (type === "AssignmentExpression" && left?.type === "MemberExpression" && right !== undefined) {
      if (/^(?:Arrow)?FunctionExpression$/u.test(right.type)) found.push(right)
    }
    Object.values(node).forEach(visit)
  }
  visit(tree)
  return found
}

/**
 * V8 takes a function that is assigned to a member where it is made for a method, of which there will be one, and makes it
 * old at once; all that it closes over then outlives its use until a full collection. So it is made by an expression around it.
 */
const functionsYoung = (text: string): string => {
  const edits = assignedFunctions(parseAst(text)).flatMap(({ end, start }) => [
    { at: start, by: "(0, " },
    { at: end, by: ")" }
  ])
  edits.sort((a, b) => a.at - b.at)
  let code = ""
  let done = 0
  for (const { at, by } of edits) {
    code += text.slice(done, at) + by
    done = at
  }
  return code + text.slice(done)
}

interface Options {
  readonly external?: ReadonlyArray<RegExp>
  readonly plugins?: ReadonlyArray<Plugin>
}

const bundle = async (input: string, file: string, { external = [], plugins = [] }: Options = {}): Promise<void> => {
  const build = await rolldown({
    input,
    platform: "node",
    external: [...external],
    plugins: [...plugins],
    transform: { define },
    // What Effect calls its operations' members stands in constants; spelled out, V8 finds those members sooner.
    optimization: { inlineConst: { mode: "all" } },
    // A dependency of a dependency (depd) names `eval`, for functions that nobody deprecates here.
    checks: { circularDependency: true, eval: false }
  })
  // One character beyond ASCII, and Node makes two bytes of each; what comments say is in the map.
  await build.write({
    file,
    format: "esm",
    sourcemap: true,
    codeSplitting: false,
    charset: "ascii",
    comments: { legal: true, annotation: false, jsdoc: false }
  })
  await build.close()
  // Tagged templates are left as they are, for tags may ask how they were spelled; ours, the only ones, do not.
  const ascii = readFileSync(file, "utf8").replace(
    /[\u0080-\u{10ffff}]/gu,
    (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`
  )
  // Here, for the bundler would take the expression for needless. Each line stays where it is, so the map does too.
  writeFileSync(file, functionsYoung(ascii))
}

mkdirSync("dist", { recursive: true })
// Built aside and moved into place, so that a program started meanwhile finds the old files or the new, never half.
const aside = mkdtempSync("dist/.build-")
try {
  await bundle("src/main.ts", join(aside, "main.js"), { plugins: [programApart] })
  await bundle("src/cli/program.ts", join(aside, "program.js"), { plugins: [builtinsFetched, fewTypes] })
  await bundle("src/index.ts", join(aside, "index.js"), { external: [/^effect(\/|$)/u] })
  chmodSync(join(aside, "main.js"), 0o755)
  for (const name of readdirSync(aside)) renameSync(join(aside, name), join("dist", name))
} finally {
  rmSync(aside, { recursive: true, force: true })
}
if (!process.argv.includes("--no-types")) {
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" })
}
writeFileSync("dist/package.json", `${JSON.stringify(published, null, 2)}\n`)
// The first start of many finds itself compiled; kept where the program looks, whatever our own environment says.
execFileSync(process.execPath, ["dist/main.js", "version"], { env: {}, stdio: ["ignore", "ignore", "inherit"] })
console.log(`dist/main.js ${manifest.version} (${JSON.parse(define.__COMMIT__)})`)
