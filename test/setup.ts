/** Before any test: the platform is new enough, and what is tested is what was built from these sources. */
import { execFileSync } from "node:child_process"
import { join } from "node:path"

export default async function setup(): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  if (major < 22 || (major === 22 && minor < 19)) {
    throw new Error(`Tests need Node 22.19 or newer and run on ${process.versions.node}: use "npm test" after "npm ci"`)
  }
  // Hundreds of processes are started from the same few files; what compiling them came to is kept between runs.
  process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "../node_modules/.cache/compile")
  execFileSync(process.execPath, ["scripts/build.ts", "--no-types"], { stdio: "inherit" })
  // Imported here, for on a platform that is too old it would fail before that is said.
  const { bundle } = await import("./support/bundled.ts")
  await bundle()
}
