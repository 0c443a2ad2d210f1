/** What the MCP endpoint needs of an HTTP request, whether the router or the direct path brought it. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { IncomingMessage, type ServerResponse } from "node:http"

export type McpRequest = Pick<HttpServerRequest, "method" | "headers" | "source" | "stream">

/** Node's request, where it came in on a socket of Node's. */
export const incomingOf = ({ source }: McpRequest): IncomingMessage | undefined =>
  source instanceof IncomingMessage ? source : undefined

/** What Node's request is answered by. */
export const outgoingOf = (request: McpRequest): ServerResponse | undefined =>
  incomingOf(request) === undefined
    ? undefined
    : (NodeHttpServerRequest.toServerResponse(request as HttpServerRequest) as ServerResponse)
