/** Is this module the program that was started, and not imported by one? */
import { realpathSync } from "node:fs"

export const isMain = (meta: ImportMeta): boolean =>
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === meta.filename
