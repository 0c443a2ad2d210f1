/** Cross-origin access for web pages whose origin the guard has let in. */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { HEADER } from "../domain/Protocol.ts"
import type { McpRequest } from "./McpRequest.ts"

const METHODS = "GET, POST, DELETE, OPTIONS"
const HEADERS = `content-type, authorization, accept, ${Object.values(HEADER).join(", ")}`
const EXPOSED = `${HEADER.sessionId}, www-authenticate`

/** The answer with what a page of that origin needs to read it. */
export const allow = (
  request: McpRequest,
  response: HttpServerResponse.HttpServerResponse
): HttpServerResponse.HttpServerResponse => {
  const { origin } = request.headers
  return origin === undefined
    ? response
    : HttpServerResponse.setHeaders(response, {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": EXPOSED,
        vary: "Origin"
      })
}

/** The answer to a browser's question whether it may call. */
export const preflight = (request: McpRequest): HttpServerResponse.HttpServerResponse =>
  allow(
    request,
    HttpServerResponse.empty({
      status: 204,
      headers: {
        allow: METHODS,
        "access-control-allow-methods": METHODS,
        "access-control-allow-headers": HEADERS,
        "access-control-max-age": "600"
      }
    })
  )
