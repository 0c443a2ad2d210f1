/** Builds dist/: main.js, which needs nothing beside it; index.js with its types for programs that embed the gateway. */
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
import { rolldown } from "rolldown"

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

const bundle = async (input: string, file: string, external: ReadonlyArray<RegExp>): Promise<void> => {
  const build = await rolldown({
    input,
    platform: "node",
    external: [...external],
    transform: { define },
    // A dependency of a dependency (depd) names `eval`, for functions that nobody deprecates here.
    checks: { circularDependency: true, eval: false }
  })
  // One character beyond Latin-1, and V8 keeps the whole text at two bytes each; what comments say is in the map.
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
  const text = readFileSync(file, "utf8")
  writeFileSync(
    file,
    text.replace(/[\u0100-\u{10ffff}]/gu, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`)
  )
}

mkdirSync("dist", { recursive: true })
// Built aside and moved into place, so that a program started meanwhile finds the old files or the new, never half.
const aside = mkdtempSync("dist/.build-")
try {
  await bundle("src/main.ts", join(aside, "main.js"), [])
  await bundle("src/index.ts", join(aside, "index.js"), [/^effect(\/|$)/u])
  chmodSync(join(aside, "main.js"), 0o755)
  for (const name of readdirSync(aside)) renameSync(join(aside, name), join("dist", name))
} finally {
  rmSync(aside, { recursive: true, force: true })
}
if (!process.argv.includes("--no-types")) {
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" })
}
writeFileSync("dist/package.json", `${JSON.stringify(published, null, 2)}\n`)
console.log(`dist/main.js ${manifest.version} (${JSON.parse(define.__COMMIT__)})`)
