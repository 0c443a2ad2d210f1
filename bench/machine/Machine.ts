/** The machine and the programs, as results have to name them. */
import { readFileSync } from "node:fs"
import { cpus, release, totalmem } from "node:os"
import { join } from "node:path"

export interface Machine {
  readonly cores: number
  readonly processor: string
  /** Gigabytes. */
  readonly memory: number
  readonly kernel: string
  readonly node: string
}

export const machine = (): Machine => ({
  cores: cpus().length,
  processor: cpus()[0]?.model.trim() ?? "unknown",
  memory: Math.round(totalmem() / 1e9),
  kernel: `${process.platform} ${release()}`,
  node: process.versions.node
})

/** The version of an installed package, below a folder. */
export const version = (folder: string, name: string): string =>
  (JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")) as { version: string }).version
