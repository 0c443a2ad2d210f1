/** `/.well-known/…`: how clients find the authorization server (RFC 8414, RFC 9728). For everybody. */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Metadata from "../auth/Metadata.ts"
import type { PublicUrl } from "../auth/PublicUrl.ts"
import * as OpenCors from "./OpenCors.ts"
import * as Prefix from "./Prefix.ts"

const HEADERS = { ...OpenCors.HEADERS, "cache-control": "public, max-age=3600" }

const METHODS = "GET, HEAD, OPTIONS"

const notFound = HttpServerResponse.text("Not found\n", { status: 404, headers: OpenCors.HEADERS })

const notAllowed = HttpServerResponse.empty({ status: 405, headers: { ...OpenCors.HEADERS, allow: METHODS } })

export const layer = (url: PublicUrl) =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const serve = (request: HttpServerRequest.HttpServerRequest) => {
        if (request.method === "OPTIONS") return Effect.succeed(OpenCors.preflight(METHODS))
        if (request.method !== "GET" && request.method !== "HEAD") return Effect.succeed(notAllowed)
        const document = Metadata.at(url, new URL(request.originalUrl, url.issuer).pathname)
        return Effect.succeed(
          document === undefined
            ? notFound
            : HttpServerResponse.text(JSON.stringify(document), { contentType: "application/json", headers: HEADERS })
        )
      }
      const below = Prefix.below(router, url.pathPrefix)
      yield* router.add("*", "/.well-known/*", serve)
      yield* below.add("*", "/mcp/.well-known/*", serve)
      if (url.pathPrefix !== "") yield* below.add("*", "/.well-known/*", serve)
    })
  )
