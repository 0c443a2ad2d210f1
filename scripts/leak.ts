/**
 * Has a proxy do over and over what may leave something behind, and counts what is left.
 *
 *     npm run leak -- [--short] [--only call,crash,session,reload,client] [--leaked-listener]
 *
 * With the last of these the proxy leaks on purpose, which must be found.
 */
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import { FULL, run, SHORT } from "../test/leak/run.ts"
import { lastLine, problems, UNITS } from "../test/leak/Verdict.ts"

const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    only: { type: "string", default: UNITS.join(",") },
    "leaked-listener": { type: "boolean", default: false }
  }
})
const wanted = values.only.split(",")
const unknown = wanted.filter((name) => !UNITS.some((unit) => unit === name))
if (unknown.length > 0) {
  console.error(`--only takes ${UNITS.join(", ")}; not ${unknown.join(", ")}`)
  process.exitCode = 2
} else {
  const plan = Object.fromEntries(Object.entries(values.short ? SHORT : FULL).filter(([unit]) => wanted.includes(unit)))
  const findings = await Effect.runPromise(
    run(plan, {
      leaks: values["leaked-listener"],
      silent: values.short ? 0 : 50,
      settleMillis: 60_000,
      say: console.log
    })
  )
  const found = problems(findings)
  for (const problem of found) console.log(`PROBLEM ${problem}`)
  console.log(lastLine(findings))
  process.exitCode = found.length === 0 ? 0 : 1
}
