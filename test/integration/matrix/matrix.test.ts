/** Every client revision before every server revision on every transport: each cell passes through the proxy. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ResourceUri from "../../../src/domain/ResourceUri.ts"
import { ServerId } from "../../../src/domain/ServerId.ts"
import { isModern, REVISIONS, type Revision } from "../../fixtures/polyglot/message.ts"
import { readyProxy } from "../harness.ts"
import { CELLS, type Pair } from "./cells.ts"
import { connectLegacy } from "./legacyClient.ts"
import { modernClient } from "./modernClient.ts"
import { allServers, type Configured, journals, SERVERS, violations } from "./scene.ts"
import type { WireClient } from "./wireClient.ts"

const CLIENTS = REVISIONS.filter((revision) => revision >= "2025-03-26")

/** What is looked at where a server is alone at /mcp/{server}, under its own names. */
const ALONE = ["list", "call", "read", "elicit form", "multi-round", "subscribe", "list_changed"]

/** One proxy before all servers, and clients of all revisions at its merged endpoint. */
class Scene extends Context.Service<
  Scene,
  {
    readonly url: string
    readonly servers: ReadonlyMap<string, Configured>
    readonly clients: ReadonlyMap<Revision, WireClient>
  }
>()("test/matrix/Scene") {
  static readonly layer = Layer.effect(
    Scene,
    Effect.gen(function* () {
      const servers = yield* allServers(yield* journals)
      const { url } = yield* readyProxy({
        config: { mcpServers: Object.fromEntries(servers.map(({ entry, id }) => [id, entry])) },
        env: { MCP_LIST_WAIT: "30 s" }
      })
      const clients = yield* Effect.forEach(CLIENTS, (revision) =>
        Effect.map(connect(url, revision), (client) => [revision, client] as const)
      )
      return { url, servers: new Map(servers.map((server) => [server.id, server])), clients: new Map(clients) }
    })
  )
}

const connect = (url: string, revision: Revision) =>
  isModern(revision) ? Effect.succeed(modernClient(url)) : connectLegacy(url, revision)

const serverOf = (id: string) =>
  Effect.map(Scene, ({ servers }) => {
    const server = servers.get(id)
    if (server === undefined) throw new Error(`no server ${id}`)
    return server
  })

const merged = (id: string, revision: Revision) =>
  Effect.gen(function* () {
    const { clients } = yield* Scene
    const client = clients.get(revision)
    if (client === undefined) throw new Error(`no client of ${revision}`)
    return {
      client,
      server: yield* serverOf(id),
      name: (own) => `${id}_${own}`,
      uri: (own) => ResourceUri.toPublic(ServerId.make(id), own)
    } satisfies Pair
  })

const alone = (id: string, revision: Revision) =>
  Effect.gen(function* () {
    const { url } = yield* Scene
    const client = yield* connect(`${url}/${id}`, revision)
    return { client, server: yield* serverOf(id), name: (own) => own, uri: (own) => own } satisfies Pair
  })

layer(Scene.layer, { timeout: 60_000, excludeTestServices: true })("through the proxy", (it) => {
  for (const client of CLIENTS) {
    for (const { id, revision, transport } of SERVERS) {
      for (const [what, check] of Object.entries(CELLS)) {
        it.effect(`${client} → ${revision} over ${transport}: ${what}`, () =>
          Effect.flatMap(merged(id, client), (pair) => check(pair, `from-${client}`))
        )
      }
    }
  }

  for (const client of CLIENTS.slice(-2)) {
    for (const { id, revision, transport } of SERVERS) {
      for (const [what, check] of Object.entries(CELLS).filter(([name]) => ALONE.includes(name))) {
        it.effect(`${client} → ${revision} over ${transport}, at an endpoint of its own: ${what}`, () =>
          Effect.flatMap(alone(id, client), (pair) => check(pair, `alone-from-${client}`))
        )
      }
    }
  }

  for (const { id, revision, transport } of SERVERS) {
    it.effect(`nothing reaches ${revision} over ${transport} that its revision does not know`, () =>
      Effect.map(serverOf(id), (server) => assert.deepStrictEqual(violations(server), []))
    )
  }
})
