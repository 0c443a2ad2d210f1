/** What a load run says of fairness is to be believed: a proxy in which the first to come is the first served is found out. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { appetites, FLOOD, MODEST } from "../load/Appetites.ts"
import { run } from "../load/Run.ts"
import { judge } from "../load/Tally.ts"
import { fixture } from "./harness.ts"

/** Those two alone, for as long as it takes to see it. */
const verdict = (more: { readonly entry?: string }) =>
  run({
    appetites: appetites(true).filter(({ principal }) => principal === MODEST || principal === FLOOD),
    aloneMillis: 1500,
    besideMillis: 4000,
    say: () => {},
    ...more
  }).pipe(Effect.map(({ demands, memory, tally }) => judge(tally, memory, { ...demands, met: [] })))

describe("a load run", () => {
  it.live("has nothing against a proxy in which callers take turns", () =>
    Effect.map(verdict({}), ({ complaints }) => assert.deepStrictEqual(complaints, []))
  )

  it.live("finds the modest caller kept waiting where the first to come is the first served", () =>
    Effect.map(verdict({ entry: fixture("unfair-proxy.ts") }), ({ complaints }) =>
      assert.match(complaints.join("\n"), /^modest waited \d+\.\d ms beside others, more than 10 times/u)
    )
  )
})
