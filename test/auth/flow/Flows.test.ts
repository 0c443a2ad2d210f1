/** Sign-ins under way: kept sealed, for so long, and ended once. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import * as Flows from "../../../src/auth/flow/Flows.ts"
import { Store } from "../../../src/storage/Store.ts"
import { memory } from "../../support/oauth.ts"

const flow: Flows.Flow = { id: "flow-id", browser: "browser-id", again: false }
const test = (name: string, effect: () => Effect.Effect<void, unknown, Flows.Flows | Store>) =>
  it.effect(name, () => Effect.provide(effect(), Layer.provideMerge(Flows.layer, memory)))

describe("a flow", () => {
  test("is found until it is removed, or thirty minutes are over", () =>
    Effect.gen(function* () {
      const flows = yield* Flows.Flows
      yield* flows.save(flow)
      assert.deepStrictEqual(yield* flows.find("flow-id"), Option.some(flow))
      assert.isTrue(Option.isNone(yield* flows.find("flow-i")))
      yield* flows.remove("flow-id")
      assert.isTrue(Option.isNone(yield* flows.find("flow-id")))
      yield* flows.save(flow)
      yield* TestClock.adjust("1799999 millis")
      assert.isTrue(Option.isSome(yield* flows.find("flow-id")))
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Option.isNone(yield* flows.find("flow-id")))
    }))

  test("cannot be read in the store, nor found there by its id", () =>
    Effect.gen(function* () {
      const flows = yield* Flows.Flows
      const store = yield* Store
      yield* flows.save(flow)
      yield* flows.visit("the-state", { flow, memory: "the-verifier" })
      const rows = JSON.stringify([yield* store.list("flows"), yield* store.list("visits")])
      for (const secret of ["flow-id", "browser-id", "the-state", "the-verifier"]) assert.notInclude(rows, secret)
    }))
})

describe("a visit to the provider", () => {
  test("ends once, of however many that come at once", () =>
    Effect.gen(function* () {
      const flows = yield* Flows.Flows
      yield* flows.visit("s", { flow, memory: "m" })
      const ends = yield* Effect.all(
        Array.from({ length: 20 }, () => flows.endVisit("s")),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(ends.flatMap(Option.toArray), [{ flow, memory: "m" }])
    }))

  test("lasts for ten minutes", () =>
    Effect.gen(function* () {
      const flows = yield* Flows.Flows
      yield* flows.visit("s", { flow, memory: "m" })
      yield* TestClock.adjust("10 minutes")
      assert.isTrue(Option.isNone(yield* flows.endVisit("s")))
    }))

  test("is no flow, and a flow is no visit, under the same name", () =>
    Effect.gen(function* () {
      const flows = yield* Flows.Flows
      const store = yield* Store
      yield* flows.save({ ...flow, id: "same" })
      assert.isTrue(Option.isNone(yield* flows.endVisit("same")))
      const [row] = yield* store.list("flows")
      yield* store.put("visits", row ?? { key: "", value: "" }, Duration.minutes(1))
      assert.isTrue(Option.isNone(yield* flows.endVisit("same")))
    }))

  it("bears a state that nobody can guess", () => {
    const states = new Set(Array.from({ length: 1000 }, Flows.newId))
    assert.strictEqual(states.size, 1000)
    for (const state of states) assert.match(state, /^[\w-]{32}$/u)
  })
})
