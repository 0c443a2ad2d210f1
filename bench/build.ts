/** The programs that are measured, bundled as dist/main.js is, so that none pays for how its source is loaded. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { rolldown } from "rolldown"

const NAMES = [
  "server-stdio",
  "server-http",
  "limit-stdio",
  "limit-http",
  "static",
  "streams",
  "sdk-proxy",
  "effect-echo"
] as const

export type ProgramName = (typeof NAMES)[number]

export interface Programs {
  /** The path of a built program. */
  readonly path: (name: ProgramName) => string
  readonly remove: () => void
}

/** Builds them into a folder of their own. */
export const buildPrograms = async (): Promise<Programs> => {
  const folder = mkdtempSync(join(tmpdir(), "mcp-bench-programs-"))
  const path = (name: ProgramName): string => join(folder, `${name}.mjs`)
  await Promise.all(
    NAMES.map(async (name) => {
      const build = await rolldown({
        input: join(import.meta.dirname, "programs", `${name}.ts`),
        platform: "node",
        logLevel: "silent"
      })
      await build.write({ file: path(name), format: "esm", codeSplitting: false })
      await build.close()
    })
  )
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
