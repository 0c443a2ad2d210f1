/**
 * Everything goes wrong while clients call, and every call is accounted for.
 *
 *     npm run chaos -- [--short] [--seed N] [--keep FILE]
 *
 * The last line is the account. The exit code is 1 if anything in it is not as it should be. FILE gets every call, fault and
 * execution, and what the proxy printed.
 */
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { errorKinds, judge, line } from "../test/chaos/Ledger.ts"
import { type Options, run } from "../test/chaos/Run.ts"

type Extent = Pick<Options, "millis" | "counts">

const FULL: Extent = {
  millis: 150_000,
  counts: {
    kill: 20,
    hang: 5,
    flood: 5,
    "reset a client": 12,
    "reset a server": 8,
    reload: 20,
    "restart the proxy": 3,
    "kill the proxy": 1
  }
}

const SHORT: Extent = {
  millis: 15_000,
  counts: {
    kill: 3,
    hang: 1,
    flood: 1,
    "reset a client": 2,
    "reset a server": 2,
    reload: 4,
    "restart the proxy": 1,
    "kill the proxy": 1
  }
}

const { values } = parseArgs({
  options: { short: { type: "boolean", default: false }, seed: { type: "string" }, keep: { type: "string" } }
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000))
if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: a whole number is wanted`)

/** More would hide what they have in common. */
const MAX_COMPLAINTS = 40

const begunAt = performance.now()
const say = (text: string): void => console.log(`[${((performance.now() - begunAt) / 1000).toFixed(1)}] ${text}`)
say(`seed ${seed}; again: npm run chaos --${values.short ? " --short" : ""} --seed ${seed}`)
const outcome = await Effect.runPromise(
  run({ ...(values.short ? SHORT : FULL), seed, clients: 30, patience: 60_000, say })
)
if (values.keep !== undefined) writeFileSync(values.keep, JSON.stringify(outcome))
const verdict = judge(outcome)
for (const [kind, times] of errorKinds(outcome.calls)) say(`${times} × ${kind}`)
const complaints = [...verdict.complaints, ...outcome.left]
for (const complaint of complaints.slice(0, MAX_COMPLAINTS)) console.log(complaint)
if (complaints.length > MAX_COMPLAINTS) console.log(`… and ${complaints.length - MAX_COMPLAINTS} more`)
console.log(line(verdict))
process.exitCode = complaints.length === 0 ? 0 : 1

/** Everything has ended by now, so nothing should keep this process. */
const LINGERING_MILLIS = 5000
setTimeout(
  () => console.error(`still busy with ${process.getActiveResourcesInfo().join(", ")}`),
  LINGERING_MILLIS
).unref()
