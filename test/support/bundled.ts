/** A fixture that is the program from its sources, as one file: from those it would take three times as long to start. */
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { fixture } from "../integration/harness.ts"

// Modules that look for files of the tests' own find them from here as they do from their own folder.
const folder = join(import.meta.dirname, "../built")

/** The program with stand-ins for Google, once `bundle` has made it. */
export const googleProxy = join(folder, "google-proxy.js")

/** Made aside and moved into place: several runs of tests may do so at once. */
export const bundle = async (): Promise<void> => {
  mkdirSync(folder, { recursive: true })
  const aside = mkdtempSync(join(folder, ".build-"))
  try {
    const file = join(aside, "google-proxy.js")
    const build = await rolldown({
      input: fixture("google-proxy.ts"),
      platform: "node",
      checks: { eval: false }
    })
    await build.write({ file, format: "esm", codeSplitting: false })
    await build.close()
    renameSync(file, googleProxy)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}
