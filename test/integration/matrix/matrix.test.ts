/** Every client revision before every server revision on every transport: each cell passes through the proxy. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isModern, REVISIONS, type Revision } from "../../fixtures/polyglot/message.ts"
import { CELLS } from "./cells.ts"
import { connectLegacy } from "./legacyClient.ts"
import { modernClient } from "./modernClient.ts"
import { alone, merged, Scene } from "./scene.ts"
import { SERVERS, violations } from "./servers.ts"
import type { WireClient } from "./wireClient.ts"

/** 2024-11-05 knows no Streamable HTTP, which is all that the proxy speaks to clients. */
const CLIENTS = REVISIONS.filter((revision) => revision >= "2025-03-26")

/** What is looked at where a server is alone at /mcp/{server}, under its own names. */
const ALONE = ["list", "call", "read", "elicit form", "multi-round", "subscribe", "list_changed"]

const connect = (url: string, revision: Revision) =>
  isModern(revision) ? Effect.succeed(modernClient(url)) : connectLegacy(url, revision)

/** A client of each revision at the merged endpoint. */
class Clients extends Context.Service<Clients, ReadonlyMap<Revision, WireClient>>()("test/matrix/Clients") {
  static readonly layer = Layer.effect(
    Clients,
    Effect.flatMap(Scene, ({ url }) =>
      Effect.map(
        Effect.forEach(CLIENTS, (revision) => connect(url, revision), { concurrency: "unbounded" }),
        (clients) => new Map(clients.map((client) => [client.revision, client]))
      )
    )
  )
}

const clientOf = (revision: Revision) =>
  Effect.map(Clients, (clients) => {
    const client = clients.get(revision)
    if (client === undefined) throw new Error(`no client of ${revision}`)
    return client
  })

const both = Clients.layer.pipe(Layer.provideMerge(Scene.layer))

layer(both, { timeout: 60_000, excludeTestServices: true })("through the proxy", (it) => {
  for (const revision of CLIENTS) {
    for (const server of SERVERS) {
      for (const [what, check] of Object.entries(CELLS)) {
        it.effect(`${revision} → ${server.revision} over ${server.transport}: ${what}`, () =>
          clientOf(revision).pipe(
            Effect.flatMap((client) => merged(server.id, client)),
            Effect.flatMap((pair) => check(pair, `from-${revision}`))
          )
        )
      }
    }
  }

  for (const revision of CLIENTS.slice(-2)) {
    for (const server of SERVERS) {
      it.effect(`${revision} → ${server.revision} over ${server.transport}, at an endpoint of its own`, () =>
        Effect.gen(function* () {
          const { url } = yield* Scene
          const pair = yield* alone(server.id, yield* connect(`${url}/${server.id}`, revision))
          for (const what of ALONE) yield* CELLS[what]!(pair, `alone-from-${revision}`)
        })
      )
    }
  }

  for (const { id, revision, transport } of SERVERS) {
    it.effect(`nothing reaches ${revision} over ${transport} that its revision does not know`, () =>
      Effect.map(Scene, ({ serverOf }) => assert.deepStrictEqual(violations(serverOf(id)), []))
    )
  }
})
