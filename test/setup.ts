/** Before any test: the platform is new enough, and what is tested is what was built from these sources. */
import { execFileSync } from "node:child_process"

export default function setup(): void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  if (major < 22 || (major === 22 && minor < 19)) {
    throw new Error(`Tests need Node 22.19 or newer and run on ${process.versions.node}: use "npm test" after "npm ci"`)
  }
  execFileSync(process.execPath, ["scripts/build.ts", "--no-types"], { stdio: "inherit" })
}
