/** The account of a chaos run is to be believed: a proxy that does wrong by one call is found out. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { judge } from "../chaos/Ledger.ts"
import { run } from "../chaos/Run.ts"
import { KINDS, type Counts } from "../chaos/Schedule.ts"
import { fixture } from "./harness.ts"

const NOTHING = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Counts

/** A few clients, one server, and no fault but that of the proxy itself. */
const account = (wrong: Readonly<Record<string, string>>) =>
  run({
    seed: 1,
    millis: 2000,
    counts: NOTHING,
    clients: 6,
    patience: 4000,
    only: ["pipe"],
    entry: fixture("unfaithful-proxy.ts"),
    env: wrong,
    say: () => {}
  }).pipe(Effect.map((outcome) => ({ verdict: judge(outcome), left: outcome.left })))

describe("a chaos run", () => {
  it.live("has nothing against a proxy that does right by all calls, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const { left, verdict } = yield* account({})
      assert.deepStrictEqual([...verdict.complaints, ...left], [])
      assert.isAbove(verdict.results, 20)
      assert.strictEqual(verdict.results, verdict.calls)
    })
  )

  it.live("finds the one call that was answered twice", () =>
    Effect.gen(function* () {
      const { verdict } = yield* account({ UNFAITHFUL: "twice" })
      assert.strictEqual(verdict.doubled, 1)
      assert.match(verdict.complaints.join("\n"), /^doubled: \S+ \(pipe, .*\) was answered 2 times$/u)
    })
  )

  it.live("finds the one call that was never answered", () =>
    Effect.gen(function* () {
      const { verdict } = yield* account({ UNFAITHFUL: "never" })
      assert.strictEqual(verdict.lost, 1)
      assert.match(verdict.complaints.join("\n"), /^lost: \S+ \(pipe, .*\) got nothing/u)
    })
  )
})
