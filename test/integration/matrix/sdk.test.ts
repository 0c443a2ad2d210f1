/** The official clients through the proxy: what passes by hand passes for them, questions answered by themselves. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { CELLS } from "./cells.ts"
import { merged, Scene } from "./scene.ts"
import { connectSdk } from "./sdkClient.ts"
import { SERVERS, violations } from "./servers.ts"

const NEWEST = new Set(["2025-11-25", "2026-07-28"])

layer(Scene.layer, { timeout: 60_000, excludeTestServices: true })("through the proxy", (it) => {
  for (const era of ["legacy", "modern"] as const) {
    for (const { id, revision, transport } of SERVERS.filter((server) => NEWEST.has(server.revision))) {
      it.effect(`the official ${era} client → ${revision} over ${transport}`, () =>
        Effect.gen(function* () {
          const { url } = yield* Scene
          const client = yield* connectSdk(url, era)
          const pair = yield* merged(id, client)
          yield* Effect.forEach(Object.entries(CELLS), ([what, check]) =>
            check(pair, `sdk-${era}`).pipe(
              Effect.catchDefect((defect) => Effect.die(new Error(`${what}: ${String(defect)}`, { cause: defect })))
            )
          )
          assert.deepStrictEqual(violations(pair.server), [])
        })
      )
    }
  }
})
