/** The official client, in a scope. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { CallToolResult, ClientCapabilities } from "@modelcontextprotocol/sdk/types.js"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Connected {
  readonly client: Client
  readonly transport: StreamableHTTPClientTransport
}

/** A client that has connected. `prepare` may set handlers before it does. */
export const connect = (
  url: string,
  capabilities: ClientCapabilities = {},
  prepare: (client: Client) => void = () => {}
): Effect.Effect<Connected, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ name: "test", version: "1.0.0" }, { capabilities })
      prepare(client)
      const transport = new StreamableHTTPClientTransport(new URL(url))
      await client.connect(transport)
      return { client, transport }
    }),
    ({ client }) => Effect.promise(() => client.close().catch(() => {}))
  )

/** The error that a call ended with, and its words. */
export class CallFailed extends Data.TaggedError("CallFailed")<{ readonly message: string; readonly cause: unknown }> {}

/** Calls a tool; the client cancels the call when it is interrupted. */
export const call = (
  { client }: Connected,
  name: string,
  args: Record<string, unknown> = {},
  options: Parameters<Client["callTool"]>[2] = {}
): Effect.Effect<CallToolResult, CallFailed> =>
  Effect.tryPromise({
    try: (signal) =>
      client.callTool({ name, arguments: args }, undefined, { signal, ...options }) as Promise<CallToolResult>,
    catch: (cause) => new CallFailed({ message: (cause as Error).message, cause })
  })

/** The text of a result's first block. */
export const textOf = (result: CallToolResult): string => {
  const [first] = result.content
  return first?.type === "text" ? first.text : JSON.stringify(first)
}
