#!/usr/bin/env node
/**
 * The entry of the program. It imports nothing but what every Node has, so that it can say, or mend, that the platform is
 * too old before anything newer is touched.
 */
import { beginStart, countOutsideHeap } from "./cli/bounds.ts"
import { keepCompiled } from "./cli/compiled.ts"
import { relaunch } from "./cli/relaunch.ts"
import { keepTick } from "./cli/shapes.ts"

if (!relaunch(process.argv.slice(2))) {
  keepTick()
  countOutsideHeap()
  beginStart()
  keepCompiled(import.meta.filename)
  const { commandLine, run } = await import("./cli/program.ts")
  run(commandLine)
}
