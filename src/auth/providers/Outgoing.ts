/** How providers are reached: undici, through the machine's own proxy where the environment names one. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"

const CONNECT_TIMEOUT = 10_000

const dispatcher = Layer.effect(
  NodeHttpClient.Dispatcher,
  Effect.acquireRelease(
    // Imported when wanted: it needs a newer platform than this program's launcher.
    Effect.map(
      Effect.promise(() => import("undici")),
      ({ EnvHttpProxyAgent }) => new EnvHttpProxyAgent({ connect: { timeout: CONNECT_TIMEOUT } })
    ),
    (agent) => Effect.promise(() => agent.destroy())
  )
)

export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.provide(
  NodeHttpClient.layerUndiciNoDispatcher,
  dispatcher
)
