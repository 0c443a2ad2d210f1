/** One proxy before all servers, and who stands at which of its endpoints. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ResourceUri from "../../../src/domain/ResourceUri.ts"
import { ServerId } from "../../../src/domain/ServerId.ts"
import { readyProxy } from "../harness.ts"
import type { Pair } from "./cells.ts"
import { allServers, type Configured, journals } from "./servers.ts"
import type { WireClient } from "./wireClient.ts"

export class Scene extends Context.Service<
  Scene,
  {
    /** The merged endpoint. */
    readonly url: string
    readonly serverOf: (id: string) => Configured
  }
>()("test/matrix/Scene") {
  static readonly layer = Layer.effect(
    Scene,
    Effect.gen(function* () {
      const servers = yield* allServers(yield* journals)
      const { url } = yield* readyProxy({
        config: { mcpServers: Object.fromEntries(servers.map(({ entry, id }) => [id, entry])) }
      })
      return {
        url,
        serverOf: (id) => {
          const server = servers.find((candidate) => candidate.id === id)
          if (server === undefined) throw new Error(`no server ${id}`)
          return server
        }
      }
    })
  )
}

/** A client at the merged endpoint, before one of its servers. */
export const merged = (id: string, client: WireClient) =>
  Effect.map(Scene, ({ serverOf }): Pair => ({
    client,
    server: serverOf(id),
    name: (own) => `${id}_${own}`,
    uri: (own) => ResourceUri.toPublic(ServerId.make(id), own)
  }))

/** A client at the endpoint of that server alone. */
export const alone = (id: string, client: WireClient) =>
  Effect.map(Scene, ({ serverOf }): Pair => ({ client, server: serverOf(id), name: (own) => own, uri: (own) => own }))
