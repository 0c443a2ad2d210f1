/** The search for leaks finds one that is there. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run } from "../leak/run.ts"
import { lastLine, problems } from "../leak/Verdict.ts"

describe("a proxy with one listener too many for each request", () => {
  it.live(
    "is found out by what its calls leave behind",
    () =>
      Effect.gen(function* () {
        const findings = yield* run(
          { call: { warm: 100, counted: 500 } },
          {
            leaks: true,
            silent: 0,
            settleMillis: 0,
            say: () => {}
          }
        )
        const found = problems(findings)
        assert.match(found.join("\n"), /^each call leaves \d{4,} bytes behind; \d{2,3} are allowed$/mu)
        assert.match(lastLine(findings), /^leak: 0 processes, .* \d{4,} bytes\/call, \? bytes\/crash$/u)
      }),
    120_000
  )
})
