/**
 * `npm run demo`: the built program's own demo. With --google it is another program, for a stand-in for Google belongs to
 * the tests. Either runs in this process, so that signals and the exit code are its own.
 */
import { join } from "node:path"
import { pathToFileURL } from "node:url"

const root = join(import.meta.dirname, "..")
const args = process.argv.slice(2)
const entry = args.includes("--google") ? "test/demo-google.ts" : "dist/main.js"

process.argv.splice(1, process.argv.length, join(root, entry), ...(entry === "dist/main.js" ? ["demo"] : []), ...args)
await import(pathToFileURL(join(root, entry)).href)
