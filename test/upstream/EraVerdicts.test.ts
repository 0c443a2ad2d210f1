/** What is remembered of servers' eras: for how long, for which settings, and without the settings themselves. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import type { Remote, Stdio } from "../../src/domain/ServerConfig.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import * as Store from "../../src/storage/Store.ts"
import { EraVerdicts } from "../../src/upstream/EraVerdicts.ts"
import { serverConfig } from "../support/connections.ts"

const layer = EraVerdicts.layer.pipe(Layer.provideMerge(Store.layerMemory))

const stdio: Stdio = {
  _tag: "Stdio",
  command: "program",
  args: ["--key", Redacted.make("secret-argument")],
  env: { TOKEN: Redacted.make("secret-token") },
  cwd: undefined
}
const remote: Remote = {
  _tag: "Http",
  url: "https://x/mcp",
  headers: { Authorization: Redacted.make("Bearer secret") }
}

describe("the era of a server", () => {
  it.effect("is remembered for a day where it is legacy, and longer where it is modern", () =>
    Effect.gen(function* () {
      const verdicts = yield* EraVerdicts
      const old = serverConfig({ transport: stdio })
      const modern = serverConfig({ transport: remote })
      assert.isUndefined(yield* verdicts.recall(old))
      yield* verdicts.remember(old, "legacy")
      yield* verdicts.remember(modern, "modern")
      yield* TestClock.adjust("23 hours")
      assert.strictEqual(yield* verdicts.recall(old), "legacy")
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(yield* verdicts.recall(old))
      yield* TestClock.adjust("365 days")
      assert.strictEqual(yield* verdicts.recall(modern), "modern")
      yield* verdicts.forget(modern)
      assert.isUndefined(yield* verdicts.recall(modern))
    }).pipe(Effect.provide(layer))
  )

  it.effect(
    "is that of its settings: others have their own, and those that say nothing of the server do not matter",
    () =>
      Effect.gen(function* () {
        const verdicts = yield* EraVerdicts
        yield* verdicts.remember(serverConfig({ transport: stdio }), "legacy")
        const others = [
          serverConfig({ id: ServerId.make("other"), transport: stdio }),
          serverConfig({ transport: { ...stdio, args: [] } }),
          serverConfig({ transport: { ...stdio, env: {} } }),
          serverConfig({ transport: { ...stdio, cwd: "/tmp" } }),
          serverConfig({ transport: remote })
        ]
        for (const other of others) assert.isUndefined(yield* verdicts.recall(other))
        const same = serverConfig({
          transport: { ...stdio, args: ["--key", "secret-argument"] },
          isolation: "session",
          enabledTools: ["a"]
        })
        assert.strictEqual(yield* verdicts.recall(same), "legacy")
      }).pipe(Effect.provide(layer))
  )

  it.effect("is kept without any of its settings", () =>
    Effect.gen(function* () {
      const verdicts = yield* EraVerdicts
      yield* verdicts.remember(serverConfig({ transport: stdio }), "legacy")
      yield* verdicts.remember(serverConfig({ transport: remote }), "modern")
      const rows = yield* (yield* Store.Store).list("era-verdicts")
      assert.strictEqual(rows.length, 2)
      assert.notMatch(JSON.stringify(rows), /secret|program|https/u)
    }).pipe(Effect.provide(layer))
  )

  it.effect("is unknown where the store fails, and nothing else happens", () =>
    Effect.gen(function* () {
      const verdicts = yield* EraVerdicts
      const config = serverConfig({ transport: remote })
      yield* verdicts.remember(config, "modern")
      assert.isUndefined(yield* verdicts.recall(config))
      yield* verdicts.forget(config)
    }).pipe(
      Effect.provide(
        EraVerdicts.layer.pipe(
          Layer.provide(
            Layer.succeed(
              Store.Store,
              Store.Store.of({
                put: () => fails,
                add: () => fails,
                get: () => fails,
                take: () => fails,
                remove: () => fails,
                list: () => fails
              })
            )
          )
        )
      )
    )
  )
})

const fails = Effect.fail(new Store.StoreError({ operation: "work", reason: "it is full" }))
