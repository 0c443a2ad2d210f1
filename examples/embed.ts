/**
 * A gateway inside another Effect program: this program has an HTTP router of its own, with a route of its own, and puts
 * the gateway below /ai on the same port. It then plays the client, to show that both answer, and ends.
 *
 *     npm run example
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Duration, Effect, Layer, Schema } from "effect"
import {
  FetchHttpClient,
  HttpClient,
  HttpClientRequest,
  HttpClientResponse,
  HttpRouter,
  HttpServer,
  HttpServerResponse
} from "effect/http"
import {
  AccessPolicy,
  Address,
  Audit,
  Draining,
  Gatekeeper,
  Gateway,
  makeServer,
  type GatewayConfig,
  HttpAgent,
  Reaper,
  RootKey,
  Routes,
  ServerId,
  Store,
  Vital
} from "mcp-proxy-server"
import { createServer } from "node:http"

const PORT = 8765

const config: GatewayConfig = {
  servers: [
    makeServer({
      id: ServerId.make("files"),
      transport: {
        _tag: "Stdio",
        command: "npx",
        args: ["-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "examples/files"],
        env: {},
        cwd: undefined
      },
      enabledTools: ["read_*", "list_*"],
      callTimeout: Duration.minutes(1)
    })
  ],
  naming: "auto",
  pageSize: 1000,
  maxLanes: undefined,
  maxLanesPerUser: undefined,
  laneIdle: Duration.minutes(15)
}

/** What the gateway needs of its surroundings: here, nothing outlives the program. */
const Surroundings = Layer.mergeAll(
  HttpAgent.layer,
  Reaper.layer,
  RootKey.layerRandom,
  Store.layerMemory,
  AccessPolicy.layerEveryone,
  Audit.layerNone,
  Gatekeeper.layerOpen
).pipe(Layer.provideMerge(NodeServices.layer))

const McpGateway = Routes.layer({ allowedHosts: [], allowedOrigins: [] }).pipe(
  Layer.provide(Gateway.layer(config)),
  Layer.provide(Draining.layer),
  Layer.provide(
    Layer.succeed(Address, { host: "127.0.0.1", port: PORT, baseUrl: `http://localhost:${PORT}`, pathPrefix: "/ai" })
  ),
  Layer.provide(Surroundings)
)

const OwnRoute = HttpRouter.add("GET", "/", HttpServerResponse.text("my own program"))

const App = HttpRouter.serve(Layer.merge(OwnRoute, McpGateway), { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: PORT }))
)

const ToolNames = Schema.Struct({
  result: Schema.Struct({ tools: Schema.Array(Schema.Struct({ name: Schema.String })) })
})

/** One JSON-RPC request to the gateway. */
const ask = Effect.fnUntraced(function* (method: string, params: object, session?: string) {
  const client = yield* HttpClient.HttpClient
  return yield* HttpClientRequest.post(`http://localhost:${PORT}/ai/mcp`).pipe(
    HttpClientRequest.setHeaders(session === undefined ? {} : { "mcp-session-id": session }),
    HttpClientRequest.bodyJsonUnsafe({ jsonrpc: "2.0", id: 1, method, params }),
    client.execute
  )
})

const program = Effect.gen(function* () {
  yield* HttpServer.HttpServer
  const client = yield* HttpClient.HttpClient
  const own = yield* Effect.flatMap(client.get(`http://localhost:${PORT}/`), (response) => response.text)
  yield* Console.log(`GET /: ${own}`)
  const begun = yield* ask("initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "embed", version: "1.0.0" }
  })
  const listed = yield* ask("tools/list", {}, begun.headers["mcp-session-id"])
  const { result } = yield* HttpClientResponse.schemaBodyJson(ToolNames)(listed)
  yield* Console.log(`POST /ai/mcp tools/list: ${result.tools.map(({ name }) => name).join(", ")}`)
})

// Should a part of the gateway die for good, the program fails with it, and may make of that what it likes.
program.pipe(Effect.provide(Layer.merge(App, FetchHttpClient.layer)), Vital.untilLost, NodeRuntime.runMain)
