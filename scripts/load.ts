/**
 * Many clients of very different appetite at once: is memory bounded, and service fair?
 *
 *     npm run load -- [--short]
 *
 * The last line says so. The exit code is 1 if anything in it is not as it should be.
 */
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import { appetites } from "../test/load/Appetites.ts"
import { run } from "../test/load/Run.ts"
import { judge, line, p99s } from "../test/load/Tally.ts"

const { values } = parseArgs({ options: { short: { type: "boolean", default: false } } })
const everybody = appetites(values.short)
const [aloneMillis, besideMillis] = values.short ? [2000, 8000] : [10_000, 60_000]

const { demands, memory, tally } = await Effect.runPromise(
  run({ appetites: everybody, aloneMillis, besideMillis, say: (text) => console.log(text) })
)
for (const text of p99s(tally)) console.log(text)
const verdict = judge(tally, memory, demands)
for (const text of verdict.complaints) console.log(text)
const clients = everybody.reduce((sum, { clients }) => sum + clients, 0)
console.log(line(verdict, memory, demands, clients, besideMillis / 1000))
process.exitCode = verdict.complaints.length === 0 ? 0 : 1
