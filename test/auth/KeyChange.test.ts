/** A key that is another than last time is noticed, and people are told what that means. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as KeyChange from "../../src/auth/KeyChange.ts"
import { RootKey } from "../../src/keys/RootKey.ts"
import * as Store from "../../src/storage/Store.ts"
import { collectingLogs } from "../support/logged.ts"
import { settle } from "../support/settle.ts"

const ONE = "3f9c1b7de0a245886b0f4de1c97a253b18e4f6027d5c9ab3416e8f20d7b9c5a4"
const TWO = [...ONE].reverse().join("")
const THREE = `${ONE.slice(32)}${TWO.slice(32)}`

/** What a start with these keys says. */
const start = (key: string, ...previous: ReadonlyArray<string>) =>
  Effect.map(
    collectingLogs(
      Effect.provide(
        KeyChange.check,
        Layer.fresh(
          RootKey.layerText(
            Redacted.make(key),
            previous.map((one) => Redacted.make(one))
          )
        )
      )
    ),
    ([, lines]) => lines.map(({ level, text }) => `${level}: ${text}`)
  )

const inOneStore = <A, E>(effect: Effect.Effect<A, E, Store.Store>) =>
  Effect.provide(effect, Layer.fresh(Store.layerMemory))

describe("the key of the last start", () => {
  it.effect("is not missed with the first one, and not spoken of while it stays", () =>
    inOneStore(
      Effect.gen(function* () {
        assert.deepStrictEqual([...(yield* start(ONE)), ...(yield* start(ONE)), ...(yield* start(ONE, TWO))], [])
      })
    )
  )

  it.effect("that is gone is missed, once, with what could have been done", () =>
    inOneStore(
      Effect.gen(function* () {
        yield* start(ONE)
        const [line = "", ...more] = yield* start(TWO)
        assert.deepStrictEqual(more, [])
        assert.match(line, /^Warn: .*everybody has to sign in again.*GOOGLE_JWT_KEY_PREVIOUS/u)
        assert.deepStrictEqual(yield* start(TWO), [])
      })
    )
  )

  it.effect("that is kept as the previous one is not missed", () =>
    inOneStore(
      Effect.gen(function* () {
        yield* start(ONE)
        assert.match((yield* start(TWO, ONE)).join("\n"), /^Info: The key has changed; .* stays valid$/u)
        assert.deepStrictEqual(yield* start(TWO, ONE), [])
      })
    )
  )

  it.effect("is missed where the previous one is something else, and that is said", () =>
    inOneStore(
      Effect.gen(function* () {
        yield* start(ONE)
        assert.match((yield* start(TWO, THREE)).join("\n"), /^Warn: .*what it is set to now is another key$/u)
      })
    )
  )

  it.effect("is known to the store as a short hash only", () =>
    inOneStore(
      Effect.gen(function* () {
        yield* start(ONE)
        const rows = yield* Effect.flatMap(Store.Store, (store) => store.list("key"))
        assert.match(JSON.stringify(rows), /^\[\{"key":"fingerprint","value":"[\w-]{12}"\}\]$/u)
      })
    )
  )
})

describe("a store that fails", () => {
  it.effect("is said, and stops nothing", () =>
    Effect.gen(function* () {
      const failing = Layer.effect(
        Store.Store,
        Effect.map(Store.Store, (store) => ({
          ...store,
          get: () => Effect.fail(new Store.StoreError({ operation: "read key", reason: "disk full" }))
        }))
      ).pipe(Layer.provide(Layer.fresh(Store.layerMemory)))
      const [, lines] = yield* collectingLogs(
        Effect.provide(settle, Layer.provide(KeyChange.layer, Layer.merge(failing, RootKey.layerRandom)))
      )
      assert.deepStrictEqual(
        lines.map(({ text }) => text),
        ["Storage failed to read key: disk full"]
      )
    })
  )
})
