/** Where the MCP endpoint is found: `/mcp` for all servers, `/mcp/{server}` for one alone. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Gatekeeper } from "../auth/Gatekeeper.ts"
import type { Principal } from "../domain/Principal.ts"
import type { Endpoint } from "../fleet/Catalog.ts"
import { Address } from "./Address.ts"
import * as Cors from "./Cors.ts"
import * as DirectPath from "./DirectPath.ts"
import * as Endpoints from "./Endpoints.ts"
import * as HostGuard from "./HostGuard.ts"
import * as Later from "./Later.ts"
import { Listener } from "./Listener.ts"
import * as McpEndpoint from "./McpEndpoint.ts"
import type { McpRequest } from "./McpRequest.ts"
import { unadmitted } from "./Responses.ts"
import * as Prefix from "./Prefix.ts"

const ALL: Endpoint = { _tag: "All" }

export interface McpOptions {
  /** Reverse proxies whose X-Forwarded-* headers are believed: who they speak for is the router's to find out. */
  readonly trustedProxies?: ReadonlyArray<unknown>
}

export const layer = ({ trustedProxies = [] }: McpOptions) =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const { pathPrefix } = yield* Address
      const endpointOf = yield* Endpoints.make
      const gatekeeper = yield* Gatekeeper
      const guard = yield* HostGuard.HostGuard
      const serve = yield* McpEndpoint.make
      const below = Prefix.below(router, pathPrefix)

      /** Who calls is the first question; what is asked of whom is not looked at before. */
      const admitted = (
        request: McpRequest,
        server: string | undefined,
        handle: (principal: Principal) => Effect.Effect<McpEndpoint.Answer>
      ): Effect.Effect<McpEndpoint.Answer> =>
        request.method === "OPTIONS"
          ? Effect.succeed(Cors.preflight(request))
          : gatekeeper.admit(request.headers["authorization"], server).pipe(
              Effect.flatMapEager((verdict): Effect.Effect<McpEndpoint.Answer> => {
                if (Result.isFailure(verdict)) return Effect.succeed(unadmitted(verdict.failure))
                const refused = guard(request)
                return refused === undefined ? handle(verdict.success) : Effect.succeed(refused)
              }),
              Effect.mapEager((answer) => Later.map(answer, (response) => Cors.allow(request, response)))
            )

      const all = (request: McpRequest) => admitted(request, undefined, (principal) => serve(request, principal, ALL))

      const one = (request: HttpServerRequest.HttpServerRequest) =>
        Effect.flatMap(HttpRouter.params, ({ server = "" }) =>
          admitted(request, Endpoints.nameIn(server), (principal) => {
            const endpoint = endpointOf(server, principal)
            return endpoint === undefined
              ? Effect.succeed(Endpoints.unknownServer(server))
              : serve(request, principal, endpoint)
          })
        )

      // The router takes a trailing slash for the same path, so clients that add one are answered and not redirected.
      yield* below.add("*", "/mcp", (request: HttpServerRequest.HttpServerRequest) => Later.settled(all(request)))
      yield* below.add("*", "/mcp/:server", (request: HttpServerRequest.HttpServerRequest) =>
        Later.settled(one(request))
      )

      const listener = yield* Effect.serviceOption(Listener)
      if (Option.isSome(listener) && trustedProxies.length === 0) {
        yield* listener.value.direct(yield* DirectPath.make(`${pathPrefix}/mcp`, all))
      }
    })
  )

/** The answer where there is nothing. It names nothing, for it answers whoever asks. */
export const nowhere = HttpServerResponse.text("Not found\n", { status: 404 })

/** Everything else. */
export const notFound: Layer.Layer<never, never, HttpRouter.HttpRouter> = HttpRouter.add("*", "*", nowhere)
