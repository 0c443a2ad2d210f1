/** Cross-origin access for what any web page may ask: it carries no cookies, and answers nobody in particular. */
import * as HttpServerResponse from "effect/http/HttpServerResponse"

export const HEADERS = { "access-control-allow-origin": "*" } as const

export const preflight = (methods: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({
    status: 204,
    headers: {
      ...HEADERS,
      allow: methods,
      "access-control-allow-methods": methods,
      "access-control-allow-headers": "authorization, content-type, mcp-protocol-version",
      "access-control-max-age": "86400"
    }
  })
