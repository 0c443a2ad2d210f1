/** Where the MCP endpoint is found: `/mcp` for all servers, `/mcp/{server}` for one alone. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { anonymous } from "../domain/Principal.ts"
import { CODE } from "../domain/Protocol.ts"
import { slug } from "../domain/ServerId.ts"
import type { Endpoint } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Address } from "./Address.ts"
import * as Cors from "./Cors.ts"
import * as McpEndpoint from "./McpEndpoint.ts"
import { refuse } from "./Responses.ts"

const ALL: Endpoint = { _tag: "All" }

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

export const layer = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const { pathPrefix } = yield* Address
    const fleet = yield* Fleet
    const serve = yield* McpEndpoint.make
    const below = pathPrefix === "" ? router : router.prefixed(pathPrefix)

    const endpointOf = (name: string): Endpoint | undefined => {
      const found = fleet.config.servers.find(({ id }) => slug(id) === name || id === name)
      return found === undefined ? undefined : { _tag: "One", server: found.id }
    }

    const handle = (request: HttpServerRequest.HttpServerRequest, endpoint: Endpoint) =>
      request.method === "OPTIONS"
        ? Effect.succeed(Cors.preflight(request))
        : Effect.map(serve(request, anonymous, endpoint), (response) => Cors.allow(request, response))

    const one = (request: HttpServerRequest.HttpServerRequest) =>
      Effect.flatMap(HttpRouter.params, ({ server = "" }) => {
        const endpoint = endpointOf(decode(server))
        if (endpoint !== undefined) return handle(request, endpoint)
        return Effect.succeed(
          refuse(404, CODE.invalidRequest, `There is no server named ${JSON.stringify(server)} here`)
        )
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
