/** The official everything server over each of its transports, and the official client straight to it. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import {
  type ClientCapabilities,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { freePort, projectRoot } from "./harness.ts"

const program = join(projectRoot, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")

/** What a configuration says to run it over standard input and output. */
export const stdioEntry = { command: process.execPath, args: [program, "stdio"] }

/** Runs it over HTTP; the URL to connect to. */
export const runEverything = (mode: "sse" | "streamableHttp"): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof spawn>>((resume) => {
        const child = spawn(process.execPath, [program, mode], {
          env: { ...process.env, PORT: String(port) },
          stdio: ["ignore", "ignore", "pipe"]
        })
        child.stderr.on("data", (chunk: Buffer) => {
          if (chunk.toString().includes(String(port))) resume(Effect.succeed(child))
        })
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    return `http://127.0.0.1:${port}/${mode === "sse" ? "sse" : "mcp"}`
  })

/** Everything that the questions of the everything server need. */
export const CAPABILITIES: ClientCapabilities = {
  sampling: {},
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true }
}

/** A transport that asks for an older revision at initialize. */
const asking = (transport: Transport, revision: string): Transport => {
  const send = transport.send.bind(transport)
  transport.send = (message, options) => {
    if ("method" in message && message.method === "initialize" && message.params !== undefined) {
      return send({ ...message, params: { ...message.params, protocolVersion: revision } }, options)
    }
    return send(message, options)
  }
  return transport
}

/** Connects an official client of a revision; it answers every question the same way each time. */
export const clientOf = (make: () => Transport, revision: string): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ name: "fidelity", version: "1.0.0" }, { capabilities: CAPABILITIES })
      client.setRequestHandler(ElicitRequestSchema, (request) =>
        request.params.mode === "url"
          ? { action: "accept" }
          : { action: "accept", content: { name: "Ada", check: true, firstLine: "a line" } }
      )
      client.setRequestHandler(CreateMessageRequestSchema, () => ({
        role: "assistant",
        model: "none",
        content: { type: "text", text: "sampled" }
      }))
      client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///tmp", name: "tmp" }] }))
      await client.connect(asking(make(), revision))
      return client
    }),
    (client) => Effect.promise(() => client.close().catch(() => {}))
  )

/** A client straight to the server, for each transport. */
export const directTransport = (mode: "stdio" | "sse" | "streamableHttp", url: string): (() => Transport) => {
  switch (mode) {
    case "stdio":
      return () => new StdioClientTransport({ ...stdioEntry, stderr: "ignore" })
    case "sse":
      return () => new SSEClientTransport(new URL(url))
    case "streamableHttp":
      return () => new StreamableHTTPClientTransport(new URL(url)) as Transport
  }
}
