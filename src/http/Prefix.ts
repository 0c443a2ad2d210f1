/** The router for what is served below the path prefix. */
import type { HttpRouter } from "effect/http/HttpRouter"

export const below = (router: HttpRouter, pathPrefix: string): HttpRouter =>
  pathPrefix === "" ? router : router.prefixed(pathPrefix)
