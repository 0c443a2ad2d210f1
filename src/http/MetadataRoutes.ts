/** `/.well-known/…`: how clients find the authorization server (RFC 8414, RFC 9728). For everybody. */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Metadata from "../auth/Metadata.ts"
import type { PublicUrl } from "../auth/PublicUrl.ts"
import * as OpenCors from "./OpenCors.ts"

const HEADERS = { ...OpenCors.HEADERS, "cache-control": "public, max-age=3600" }

const notFound = HttpServerResponse.text("Not found\n", { status: 404, headers: OpenCors.HEADERS })

export const layer = (url: PublicUrl) =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const serve = (request: HttpServerRequest.HttpServerRequest) => {
        if (request.method === "OPTIONS") return Effect.succeed(OpenCors.preflight("GET, HEAD, OPTIONS"))
        const [path = ""] = request.originalUrl.split("?")
        const document = Metadata.at(url, path)
        return Effect.succeed(
          document === undefined
            ? notFound
            : HttpServerResponse.text(JSON.stringify(document), { contentType: "application/json", headers: HEADERS })
        )
      }
      const below = url.pathPrefix === "" ? router : router.prefixed(url.pathPrefix)
      for (const method of ["GET", "OPTIONS"] as const) {
        yield* router.add(method, "/.well-known/*", serve)
        yield* below.add(method, "/mcp/.well-known/*", serve)
        if (url.pathPrefix !== "") yield* below.add(method, "/.well-known/*", serve)
      }
    })
  )
