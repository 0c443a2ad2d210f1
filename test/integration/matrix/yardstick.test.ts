/** The yardstick itself: client and server of one revision, without a proxy between them, agree on every cell. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { isModern, REVISIONS } from "../../fixtures/polyglot/message.ts"
import { CELLS, type Pair } from "./cells.ts"
import { connectLegacy } from "./legacyClient.ts"
import { modernClient } from "./modernClient.ts"
import { connectSdk } from "./sdkClient.ts"
import { journals, served, violations } from "./servers.ts"

const own = (name: string): string => name

for (const revision of REVISIONS) {
  describe(`a client of ${revision} straight to a server of ${revision}`, () => {
    for (const [what, check] of Object.entries(CELLS)) {
      it.live(what, () =>
        Effect.gen(function* () {
          const server = yield* served(yield* journals, "direct", revision, "http")
          const client = isModern(revision)
            ? modernClient(server.entry.url)
            : yield* connectLegacy(server.entry.url, revision)
          const pair: Pair = { client, server, name: own, uri: own }
          yield* check(pair, "direct")
          assert.deepStrictEqual(violations(server), [])
        }).pipe(Effect.scoped)
      )
    }
  })
}

for (const [era, revision] of [
  ["legacy", "2025-11-25"],
  ["modern", "2026-07-28"]
] as const) {
  describe(`the official ${era} client straight to a server of ${revision}`, () => {
    for (const [what, check] of Object.entries(CELLS)) {
      it.live(what, () =>
        Effect.gen(function* () {
          const server = yield* served(yield* journals, "direct", revision, "http")
          const client = yield* connectSdk(server.entry.url, era)
          yield* check({ client, server, name: own, uri: own }, "direct")
          assert.deepStrictEqual(violations(server), [])
        }).pipe(Effect.scoped)
      )
    }
  })
}
