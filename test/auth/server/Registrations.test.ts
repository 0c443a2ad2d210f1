/** A flood of registrations: the store keeps so many and no more, and none that somebody uses is lost by it. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as Registrations from "../../../src/auth/server/Registrations.ts"
import * as Rows from "../../../src/auth/server/Rows.ts"
import { layerMemory, Store } from "../../../src/storage/Store.ts"
import * as oauth from "../../support/oauth.ts"

const CALLBACK = "https://app.example/cb"
const month = Duration.days(30)

const layer = Layer.provideMerge(oauth.serverLayer(), Layer.merge(oauth.memory, oauth.providerLayer()))

describe("unused registrations", () => {
  it.effect("beyond the bound make room, the oldest first; those in use do not count", () =>
    Effect.gen(function* () {
      const registrations = yield* Registrations.make(3)
      const evicted: Array<string | undefined> = []
      for (const key of ["a", "b", "c"]) evicted.push(yield* registrations.begin(key, month))
      yield* registrations.used("a")
      for (const key of ["d", "e", "b", "f"]) evicted.push(yield* registrations.begin(key, month))
      // b registered again, and is young again.
      assert.deepStrictEqual(evicted, [undefined, undefined, undefined, undefined, "b", "c", "d"])
      assert.deepStrictEqual(
        ["a", "b", "c", "d", "e", "f"].filter((key) => registrations.isUnused(key)),
        ["b", "e", "f"]
      )
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("are known again after a restart, in their order", () =>
    Effect.gen(function* () {
      const before = yield* Registrations.make(2)
      yield* before.begin("z", month)
      yield* TestClock.adjust("1 second")
      yield* before.begin("a", month)
      const after = yield* Registrations.make(2)
      assert.strictEqual(yield* after.begin("m", month), "z")
    }).pipe(Effect.provide(layerMemory))
  )
})

describe("a client in use", () => {
  it.live("is not forgotten for a flood, nor earlier because somebody registers the same again", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const { body } = yield* oauth.register({ redirect_uris: [CALLBACK] })
      assert.lengthOf(yield* store.list("oauth unused"), 1)
      yield* oauth.exchange(yield* oauth.authorize(body.client_id, CALLBACK))
      assert.lengthOf(yield* store.list("oauth unused"), 0)
      const rows = yield* store.list("oauth Client")
      assert.strictEqual((yield* oauth.register({ redirect_uris: [CALLBACK] })).body.client_id, body.client_id)
      assert.deepStrictEqual(yield* store.list("oauth Client"), rows)
      assert.lengthOf(yield* store.list("oauth unused"), 0)
    }).pipe(Effect.provide(layer))
  )

  it.effect("is kept as long as it is used, and an unused one for thirty days", () =>
    Effect.gen(function* () {
      const rows = (yield* Rows.RowStore).of("Client")
      yield* rows.put("unused", { client_id: "unused" }, undefined)
      yield* TestClock.adjust(Duration.millis(Duration.toMillis(month) - 1))
      assert.isDefined(yield* rows.find("unused"))
      yield* TestClock.adjust("1 millis")
      assert.isUndefined(yield* rows.find("unused"))
    }).pipe(Effect.provide(layer))
  )
})
