/** The account of a chaos run is to be believed: a proxy that does wrong by one call is found out. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { judge } from "../chaos/Ledger.ts"
import { run } from "../chaos/Run.ts"
import { KINDS, type Counts } from "../chaos/Schedule.ts"
import { fixture } from "./harness.ts"

const NOTHING = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Counts

/** A few clients, one server, and no fault but that of the proxy itself. */
const account = (wrong: "twice" | "never") =>
  run({
    seed: 1,
    millis: 2000,
    counts: NOTHING,
    clients: 6,
    patience: 3000,
    only: ["pipe"],
    entry: fixture("unfaithful-proxy.ts"),
    env: { UNFAITHFUL: wrong },
    say: () => {}
  }).pipe(Effect.map((outcome) => ({ ...judge(outcome), left: outcome.left })))

describe("a chaos run", () => {
  it.live("finds the one call that was answered twice, and nothing else", () =>
    Effect.gen(function* () {
      const { complaints, doubled, left } = yield* account("twice")
      assert.strictEqual(doubled, 1)
      assert.match([...complaints, ...left].join("\n"), /^doubled: \S+ \(pipe, .*\) was answered 2 times$/u)
    })
  )

  it.live("finds the one call that was never answered, and nothing else", () =>
    Effect.gen(function* () {
      const { calls, complaints, left, lost, results } = yield* account("never")
      assert.deepStrictEqual([lost, results], [1, calls - 1])
      assert.match(complaints[0] ?? "", /^lost: \S+ \(pipe, .*\) got nothing$/u)
      assert.deepStrictEqual(left, [])
    })
  )
})
