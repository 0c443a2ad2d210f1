/**
 * The proxy as a client that the suite tests: `clientWrapper.ts legacy|modern URL` starts one in front of the suite's
 * server, and the official client of that era does through it what the scenario wants to see done.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import * as Effect from "effect/Effect"
import { startProxyFor } from "./proxy.ts"

const [era = "", url = ""] = process.argv.slice(2)

/** The suite says this of every run. */
const scenario = process.env["MCP_CONFORMANCE_SCENARIO"] ?? ""

interface ToolCall {
  readonly name: string
  readonly arguments: Record<string, unknown>
}

/** The calls that the scenario wants made. */
const context = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as {
  readonly toolCalls?: ReadonlyArray<ToolCall>
}

/** Something for each argument that a tool cannot do without. */
const invented = (schema: { readonly required?: ReadonlyArray<string> }): Record<string, unknown> =>
  Object.fromEntries((schema.required ?? []).map((name) => [name, "value"]))

/** Calls everything that is on the lists. */
const callAll = async (client: Client): Promise<void> => {
  const { tools } = await client.listTools()
  for (const { inputSchema, name } of tools) {
    await client.callTool({ name, arguments: invented(inputSchema as { readonly required?: ReadonlyArray<string> }) })
  }
}

/** What a scenario wants done, where it is not that everything is called. */
const DEEDS: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  initialize: (client) => client.listTools(),
  tools_call: (client) => client.callTool({ name: "add_numbers", arguments: { a: 2, b: 3 } }),
  "request-metadata": (client) => client.listTools(),
  "json-schema-ref-no-deref": (client) => client.listTools(),
  "json-schema-2020-12-preservation": async (client) => {
    const { tools } = await client.listTools()
    const schema = tools.find(({ name }) => name === "json_schema_2020_12_tool")?.inputSchema
    await client.callTool({ name: "json_schema_echo", arguments: { schema } })
  },
  "http-custom-headers": async (client) => {
    await client.listTools()
    for (const call of context.toolCalls ?? []) await client.callTool(call)
  },
  "http-standard-headers": async (client) => {
    await callAll(client)
    const { resources } = await client.listResources()
    for (const { uri } of resources) await client.readResource({ uri })
    const { prompts } = await client.listPrompts()
    for (const { name } of prompts) await client.getPrompt({ name })
  }
}

/** Everybody it asks says yes, and leaves the rest to the defaults. */
const connected = (address: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client(
        { name: "conformance", version: "1.0.0" },
        {
          capabilities: { roots: {}, sampling: {}, elicitation: { form: { applyDefaults: true } } },
          versionNegotiation: { mode: era === "modern" ? { pin: "2026-07-28" } : "legacy" }
        }
      )
      client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: {} }))
      await client.connect(new StreamableHTTPClientTransport(new URL(address)))
      return client
    }),
    (client) => Effect.promise(() => client.close().catch(() => {}))
  )

const program = Effect.gen(function* () {
  const address = yield* startProxyFor({ suite: { url } })
  const client = yield* connected(address)
  yield* Effect.promise(() => (DEEDS[scenario] ?? callAll)(client))
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
