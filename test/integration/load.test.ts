/** What a load run says of fairness is to be believed: a proxy in which the first to come is the first served is found out. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { appetites, FLOOD, MODEST } from "../load/Appetites.ts"
import { run } from "../load/Run.ts"
import { judge } from "../load/Tally.ts"
import { fixture } from "./harness.ts"

describe("a load run", () => {
  it.live("finds the modest caller kept waiting where the first to come is the first served", () =>
    Effect.gen(function* () {
      const { demands, memory, tally } = yield* run({
        // Nobody else is needed to see it.
        appetites: appetites(true).filter(({ principal }) => principal === MODEST || principal === FLOOD),
        aloneMillis: 1000,
        besideMillis: 3000,
        say: () => {},
        entry: fixture("unfair-proxy.ts")
      })
      const { complaints } = judge(tally, memory, { ...demands, met: [] })
      assert.lengthOf(complaints, 1, complaints.join("\n"))
      assert.match(complaints.join("\n"), /^modest waited \d+\.\d ms beside others, more than 15 times/u)
    })
  )
})
