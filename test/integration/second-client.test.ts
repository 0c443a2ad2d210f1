/** The official client's second generation, which asks for the newest revision first. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { LATEST_LEGACY, LATEST_MODERN } from "../../src/domain/Protocol.ts"
import { fixture, readyProxy } from "./harness.ts"

const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }

describe("the second generation of the official client", () => {
  for (const [mode, revision] of [
    ["auto", LATEST_MODERN],
    ["legacy", LATEST_LEGACY]
  ] as const) {
    it.live(`connects in mode "${mode}", and agrees on ${revision}`, () =>
      Effect.gen(function* () {
        const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
        const client = yield* Effect.acquireRelease(
          Effect.promise(async () => {
            const connecting = new Client({ name: "second", version: "1.0.0" }, { versionNegotiation: { mode } })
            await connecting.connect(new StreamableHTTPClientTransport(new URL(proxy.url)))
            return connecting
          }),
          (connected) => Effect.promise(() => connected.close().catch(() => {}))
        )
        assert.strictEqual(client.getNegotiatedProtocolVersion(), revision)
        const { tools } = yield* Effect.promise(() => client.listTools())
        assert.isTrue(tools.some(({ name }) => name === "echo"))
        const result = yield* Effect.promise(() => client.callTool({ name: "echo", arguments: { second: true } }))
        assert.deepStrictEqual(result.content, [{ type: "text", text: '{"second":true}' }])
      }).pipe(Effect.scoped)
    )
  }
})
