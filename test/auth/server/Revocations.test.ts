/** What was taken back stays taken back until it would have expired, and is then forgotten. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as Revocations from "../../../src/auth/server/Revocations.ts"
import { layerMemory, Store, StoreError } from "../../../src/storage/Store.ts"
import { settle } from "../../support/settle.ts"

const again = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, Layer.fresh(Revocations.layer(Duration.hours(1))))

const isRevoked = (id: string) => Effect.map(Revocations.Revocations, (revocations) => revocations.isRevoked(id))
const revoke = (id: string) => Effect.flatMap(Revocations.Revocations, (revocations) => revocations.revoke(id))

describe("a revocation", () => {
  it.effect("is in force on return, and touches nothing else", () =>
    again(
      Effect.gen(function* () {
        assert.isFalse(yield* isRevoked("a"))
        yield* revoke("a")
        assert.isTrue(yield* isRevoked("a"))
        assert.isFalse(yield* isRevoked("b"))
      })
    ).pipe(Effect.provide(layerMemory))
  )

  it.effect("survives a restart", () =>
    Effect.gen(function* () {
      yield* again(revoke("a"))
      yield* TestClock.adjust("30 minutes")
      assert.isTrue(yield* again(isRevoked("a")))
      assert.isFalse(yield* again(isRevoked("b")))
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("outlives every token that it is about, and is then forgotten: the list does not grow for ever", () =>
    again(
      Effect.gen(function* () {
        yield* revoke("a")
        yield* settle
        yield* TestClock.adjust("60 minutes")
        assert.isTrue(yield* isRevoked("a"))
        yield* TestClock.adjust("10 minutes")
        yield* settle
        assert.isFalse(yield* isRevoked("a"))
        assert.deepStrictEqual(yield* Effect.flatMap(Store, (store) => store.list("oauth revoked")), [])
      })
    ).pipe(Effect.provide(layerMemory))
  )

  it.effect("that cannot be written says so, and holds in this process all the same", () =>
    Effect.gen(function* () {
      const store = yield* Effect.provide(Store, layerMemory)
      const full = Layer.succeed(Store, {
        ...store,
        put: () => Effect.fail(new StoreError({ operation: "write", reason: "database or disk is full" }))
      })
      yield* again(
        Effect.gen(function* () {
          assert.strictEqual((yield* Effect.flip(revoke("a")))._tag, "StoreError")
          assert.isTrue(yield* isRevoked("a"))
        })
      ).pipe(Effect.provide(full))
    })
  )
})
