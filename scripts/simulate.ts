import { scheduleOf } from "../test/simulation/schedule.ts"
import { simulate } from "../test/simulation/simulate.ts"
import { printSetup } from "../test/simulation/Step.ts"
const seed = Number(process.argv[2] ?? 1)
const n = Number(process.argv[3] ?? 1)
const t = performance.now()
let bad = 0
for (let s = seed; s < seed + n; s++) {
  const schedule = scheduleOf(s)
  if (n === 1) {
    console.log(printSetup(schedule.setup))
  }
  const v = await simulate(schedule, n === 1 ? { trace: console.log } : {})
  if (v.length) {
    bad++
    if (bad < 40)
      console.log(
        s,
        v
          .slice(0, 3)
          .map((x) => `[${x.step}/${schedule.steps.length}] ${x.invariant}: ${x.text.slice(0, n === 1 ? 3000 : 300)}`)
          .join("\n   ")
      )
  }
}
console.log(n, "seeds", bad, "bad", ((performance.now() - t) / n).toFixed(1), "ms each")
