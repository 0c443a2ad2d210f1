/** The era of a request, as we decide it and as the official classifier and handler do. */
import { classifyInboundRequest, createMcpHandler, McpServer } from "@modelcontextprotocol/server"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import * as Era from "../../src/domain/Era.ts"
import * as Json from "../../src/domain/Json.ts"
import { META, MODERN_REVISIONS } from "../../src/domain/Protocol.ts"

export const MODERN = MODERN_REVISIONS[0]

/** One POST. */
export interface Sent {
  readonly headers: Era.Headers
  readonly body: unknown
}

/** A body that is a message. */
export const messageOf = (body: unknown) => {
  const read = ClientMessage.read(Json.encode(body))
  if (read._tag === "Refusal") throw new Error(read.reason)
  return read
}

/** What ours says, in the words of the comparison. */
export const ours = ({ body, headers }: Sent): string => {
  const read = ClientMessage.read(Json.encode(body))
  if (read._tag === "Refusal") return `400 ${read.code}`
  const classified = Era.classify(headers, read)
  return classified._tag === "Refused" ? `${classified.status} ${classified.code}` : classified._tag.toLowerCase()
}

/** The official handler, which has a server behind it. */
const handler = createMcpHandler(
  () => new McpServer({ name: "oracle", version: "1" }, { capabilities: { tools: {}, prompts: {}, resources: {} } }),
  { legacy: "reject" }
)

/** What the handler refuses of what is classified as modern: it knows which revisions are served, and which headers are needed. */
const handled = async ({ body, headers }: Sent): Promise<string> => {
  const all = new Headers({ "content-type": "application/json", accept: "application/json, text/event-stream" })
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) all.set(name, value)
  const request = new Request("http://localhost/mcp", { method: "POST", headers: all, body: JSON.stringify(body) })
  const response = await handler.fetch(request)
  const text = await response.text()
  const { error } = (text === "" ? {} : JSON.parse(text)) as { readonly error?: { readonly code: number } }
  return error?.code === -32020 || error?.code === -32022 ? `${response.status} ${error.code}` : "modern"
}

/** What the official classifier says, and the handler after it. */
export const theirs = async (sent: Sent): Promise<string> => {
  const { headers } = sent
  const body: unknown = JSON.parse(JSON.stringify(sent.body))
  const outcome = classifyInboundRequest({
    httpMethod: "POST",
    body,
    ...(headers["mcp-protocol-version"] === undefined
      ? {}
      : { protocolVersionHeader: headers["mcp-protocol-version"] }),
    ...(headers["mcp-method"] === undefined ? {} : { mcpMethodHeader: headers["mcp-method"] }),
    ...(headers["mcp-name"] === undefined ? {} : { mcpNameHeader: headers["mcp-name"] })
  })
  if (outcome.kind === "reject") return `${outcome.httpStatus} ${outcome.code}`
  return outcome.kind === "modern" ? await handled(sent) : "legacy"
}

/** `_meta` with all that a modern request needs. */
export const envelope = (more: object = {}) => ({
  [META.protocolVersion]: MODERN,
  [META.clientCapabilities]: {},
  ...more
})
