/** What is open when a grant is taken back. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { request } from "undici"
import * as Served from "../support/served.ts"

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } }
}

describe("a revoked refresh token", () => {
  it.live("ends the streams that its client listens to, and refuses its next request", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const tokens = yield* Served.signedIn(served, "Ann")
      const authorization = `Bearer ${tokens.access_token}`
      const begun = yield* served.ask("/mcp", {
        ...Served.json(INITIALIZE),
        headers: { "content-type": "application/json", authorization }
      })
      const headers = {
        authorization,
        accept: "text/event-stream",
        "mcp-session-id": begun.headers["mcp-session-id"] ?? ""
      }
      // Its head comes once it stands.
      const standing = yield* Effect.promise(() =>
        request(`http://127.0.0.1:${served.port}/mcp`, { headers: { host: served.host, ...headers } })
      )
      assert.strictEqual(standing.statusCode, 200)
      yield* served.ask("/revoke", Served.form({ client_id: tokens.client, token: tokens.refresh_token }))
      yield* Effect.timeout(
        Effect.promise(() => standing.body.text()),
        "5 seconds"
      )
      assert.strictEqual((yield* served.ask("/mcp", { headers })).status, 401)
    }).pipe(Effect.scoped)
  )
})
