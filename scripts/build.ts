/** Builds dist/: main.js, which needs nothing beside it; index.js with its types for programs that embed the gateway. */
import { execFileSync } from "node:child_process"
import { chmodSync, readFileSync, rmSync } from "node:fs"
import { rolldown } from "rolldown"

const manifest = JSON.parse(readFileSync("package.json", "utf8"))

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
    checks: { circularDependency: true }
  })
  await build.write({ file, format: "esm", sourcemap: true, codeSplitting: false })
  await build.close()
}

rmSync("dist", { recursive: true, force: true })
await bundle("src/main.ts", "dist/main.js", [])
chmodSync("dist/main.js", 0o755)
console.log(`dist/main.js ${manifest.version} (${JSON.parse(define.__COMMIT__)})`)
