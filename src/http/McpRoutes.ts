/** Where the MCP endpoint is found: `/mcp` for all servers, `/mcp/{server}` for one alone. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { anonymous } from "../domain/Principal.ts"
import type { Endpoint } from "../fleet/Catalog.ts"
import { Address } from "./Address.ts"
import * as Cors from "./Cors.ts"
import * as Endpoints from "./Endpoints.ts"
import * as McpEndpoint from "./McpEndpoint.ts"

const ALL: Endpoint = { _tag: "All" }

export const layer = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const { pathPrefix } = yield* Address
    const endpointOf = yield* Endpoints.make
    const serve = yield* McpEndpoint.make
    const below = pathPrefix === "" ? router : router.prefixed(pathPrefix)

    const handle = (request: HttpServerRequest.HttpServerRequest, endpoint: Endpoint) =>
      request.method === "OPTIONS"
        ? Effect.succeed(Cors.preflight(request))
        : Effect.map(serve(request, anonymous, endpoint), (response) => Cors.allow(request, response))

    const one = (request: HttpServerRequest.HttpServerRequest) =>
      Effect.flatMap(HttpRouter.params, ({ server = "" }) => {
        const endpoint = endpointOf(server, anonymous)
        // A browser asks first, and says nothing of who it asks for.
        if (endpoint !== undefined || request.method === "OPTIONS") return handle(request, endpoint ?? ALL)
        return Effect.succeed(Endpoints.unknownServer(server))
      })

    // The router takes a trailing slash for the same path, so clients that add one are answered and not redirected.
    yield* below.add("*", "/mcp", (request) => handle(request, ALL))
    yield* below.add("*", "/mcp/:server", one)
  })
)

/** Everything else. It names nothing, for it answers whoever asks. */
export const notFound: Layer.Layer<never, never, HttpRouter.HttpRouter> = HttpRouter.add(
  "*",
  "*",
  HttpServerResponse.text("Not found\n", { status: 404 })
)
