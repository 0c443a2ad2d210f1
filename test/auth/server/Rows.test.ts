/** Rows of the authorization server: what is used once, the grace of refresh tokens, and who is first. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { join } from "node:path"
import * as Connections from "../../../src/auth/server/Connections.ts"
import { Revocations, layer as revocationsLayer } from "../../../src/auth/server/Revocations.ts"
import * as Rows from "../../../src/auth/server/Rows.ts"
import { RootKey } from "../../../src/keys/RootKey.ts"
import * as SqliteStore from "../../../src/storage/SqliteStore.ts"
import { layerMemory, Store } from "../../../src/storage/Store.ts"
import { temporaryFolder } from "../../support/temporary.ts"

const month = Duration.days(30)

const rowsLayer = Rows.layer.pipe(
  Layer.provideMerge(Layer.merge(revocationsLayer(Duration.hours(1)), Connections.layer(month)))
)
const layer = rowsLayer.pipe(Layer.provideMerge(Layer.merge(layerMemory, RootKey.layerRandom)))

const test = (
  name: string,
  effect: () => Effect.Effect<void, unknown, Rows.RowStore | Revocations | Store | RootKey>
) => it.effect(name, () => Effect.provide(effect(), layer))

const of = (kind: string) => Effect.map(Rows.RowStore, (rows) => rows.of(kind))

const inSeconds = (seconds: number) => Math.floor(Duration.toSeconds(month)) + seconds

describe("a refresh token", () => {
  test("may be used again for sixty seconds after its use, and is a theft from then on", () =>
    Effect.gen(function* () {
      const tokens = yield* of("RefreshToken")
      yield* tokens.put("t", { grantId: "g", exp: inSeconds(0) }, Duration.toSeconds(month))
      yield* tokens.consume("t")
      for (const wait of ["0 seconds", "30 seconds", "29999 millis"] as const) {
        yield* TestClock.adjust(wait)
        assert.isUndefined((yield* tokens.find("t"))?.consumed)
        yield* tokens.consume("t")
      }
      // The grace is counted from the first use: using it again does not prolong it.
      yield* TestClock.adjust("1 millis")
      assert.isDefined((yield* tokens.find("t"))?.consumed)
      const error = yield* Effect.flip(tokens.consume("t"))
      assert.deepInclude(error, { _tag: "AlreadyUsed", kind: "RefreshToken", grantId: "g" })
    }))

  test("in use keeps its grant as long as itself", () =>
    Effect.gen(function* () {
      const tokens = yield* of("RefreshToken")
      const grants = yield* of("Grant")
      yield* grants.put("g", { exp: inSeconds(0) }, Duration.toSeconds(month))
      for (let month = 0; month < 6; month++) {
        yield* TestClock.adjust("29 days")
        yield* tokens.put(`t${month}`, { grantId: "g" }, Duration.toSeconds("30 days"))
      }
      assert.isDefined(yield* grants.find("g"))
      yield* TestClock.adjust("30 days")
      assert.isUndefined(yield* grants.find("g"))
    }))
})

describe("a code", () => {
  test("is used once: it has no grace", () =>
    Effect.gen(function* () {
      const codes = yield* of("AuthorizationCode")
      yield* codes.put("c", { grantId: "g", exp: 300 }, 300)
      yield* codes.consume("c")
      assert.isDefined((yield* codes.find("c"))?.consumed)
      assert.strictEqual((yield* Effect.flip(codes.consume("c")))._tag, "AlreadyUsed")
    }))

  test("is gone after its time", () =>
    Effect.gen(function* () {
      const codes = yield* of("AuthorizationCode")
      yield* codes.put("c", { exp: 300 }, 300)
      yield* TestClock.adjust("300 seconds")
      assert.isUndefined(yield* codes.find("c"))
    }))

  it.effect("is used by one of many who come at once, from two processes with one file", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "state.db")
      const key = Layer.succeed(RootKey, yield* Effect.provide(RootKey, RootKey.layerRandom))
      const process = Layer.fresh(rowsLayer).pipe(Layer.provide(Layer.merge(Layer.fresh(SqliteStore.layer(path)), key)))
      const both = yield* Effect.all([Layer.build(process), Layer.build(process)])
      const [one, other] = both.map((context) => Context.get(context, Rows.RowStore).of("AuthorizationCode"))
      for (let round = 0; round < 5; round++) {
        const id = `c${round}`
        yield* one!.put(id, { exp: 300 }, 300)
        const uses = yield* Effect.all(
          Array.from({ length: 30 }, (_, index) => Effect.exit((index % 2 === 0 ? one! : other!).consume(id))),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(
          uses.filter(({ _tag }) => _tag === "Success"),
          1
        )
      }
    }).pipe(Effect.scoped)
  )
})

describe("a row", () => {
  test("is of its kind: an id of one kind finds nothing of another", () =>
    Effect.gen(function* () {
      yield* (yield* of("AuthorizationCode")).put("id", { exp: 300 }, 300)
      for (const kind of ["RefreshToken", "Grant", "Interaction", "Session", "Client", "AccessToken"]) {
        assert.isUndefined(yield* (yield* of(kind)).find("id"), kind)
      }
    }))

  test("says nothing to who reads the store: neither its id nor what it holds", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* (yield* of("RefreshToken")).put("the-id", { accountId: "google:ann", jti: "the-id", exp: 300 }, 300)
      yield* (yield* of("RefreshToken")).consume("the-id")
      const rows = JSON.stringify([yield* store.list("oauth RefreshToken"), yield* store.list("oauth consumed")])
      for (const secret of ["the-id", "google:ann"]) assert.notInclude(rows, secret)
    }))

  test("under strange names is an ordinary row", () =>
    Effect.gen(function* () {
      const codes = yield* of("AuthorizationCode")
      for (const id of ["__proto__", "constructor", "", "\u0000", "a".repeat(10_000), "'; DROP TABLE rows; --"]) {
        assert.isUndefined(yield* codes.find(id), id.slice(0, 20))
        yield* codes.put(id, { exp: 300, accountId: "a" }, 300)
        assert.strictEqual((yield* codes.find(id))?.accountId, "a", id.slice(0, 20))
      }
    }))
})

describe("a grant that is removed", () => {
  test("is revoked with all that hangs on it, on return", () =>
    Effect.gen(function* () {
      const revocations = yield* Revocations
      const grants = yield* of("Grant")
      yield* grants.put("g", {}, 300)
      assert.isFalse(revocations.isRevoked("g"))
      yield* grants.remove("g")
      assert.isTrue(revocations.isRevoked("g"))
      assert.isUndefined(yield* grants.find("g"))
    }))
})
