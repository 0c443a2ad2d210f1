/** Whole flows: the official clients, a person, a stand-in for Google, and the real proxy between them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { decodeJwt } from "jose"
import { startDocuments } from "../support/documents.ts"
import { generations, Memory } from "./oauthClients.ts"
import { browser, deploy, knock, LOOPBACK, post, raw } from "./signIn.ts"

/** Until the endpoint no longer takes a token. */
const refused = (url: string, token: string) =>
  knock(url, token).pipe(
    Effect.flatMap(({ status }) => (status === 401 ? Effect.void : Effect.fail(status))),
    Effect.retry(Schedule.spaced(50)),
    Effect.timeout("10 seconds"),
    Effect.orDie
  )

for (const { connect, label } of generations) {
  describe(`the official client's ${label} generation`, () => {
    it.live(
      "signs a person in with nothing but the URL, calls, renews an expired token by itself, and is revoked",
      () =>
        Effect.gen(function* () {
          const deployment = yield* deploy({ env: { MCP_ACCESS_TOKEN_TTL: "3 s", MCP_LOG_LEVEL: "DEBUG" } })
          const { google, issuer, url } = deployment
          const visitor = yield* browser(deployment)
          const memory = new Memory()
          const client = yield* connect(url, memory, visitor.allow)
          assert.propertyVal(memory.client, "client_name", "Official client")
          assert.include(yield* client.names, "echo")
          assert.deepStrictEqual(yield* client.call("echo", { first: 1 }), [{ type: "text", text: '{"first":1}' }])

          const before = memory.held
          yield* refused(url, before.access_token)
          assert.deepStrictEqual(yield* client.call("echo", { second: 2 }), [{ type: "text", text: '{"second":2}' }])
          assert.notStrictEqual(memory.held.access_token, before.access_token)
          assert.notStrictEqual(memory.held.refresh_token, before.refresh_token)
          assert.deepInclude(
            google.calls().map(({ grant }) => grant),
            "refresh_token"
          )

          const { access_token, refresh_token = "" } = memory.held
          const { client_id } = memory.client
          assert.strictEqual((yield* post(`${issuer}/revoke`, { client_id, token: refresh_token })).status, 200)
          assert.strictEqual((yield* knock(url, access_token)).status, 401)
          const again = yield* post(`${issuer}/token`, { grant_type: "refresh_token", client_id, refresh_token })
          assert.deepStrictEqual([again.status, again.body["error"]], [400, "invalid_grant"])

          const log = deployment.proxy().output()
          for (const secret of [access_token, refresh_token, before.access_token, memory.verifier]) {
            assert.notInclude(log, secret)
          }
        }).pipe(Effect.scoped)
    )

    it.live("is known by its metadata document, where it has one", () =>
      Effect.gen(function* () {
        const hosted = yield* startDocuments({
          "/client.json": {
            client_name: "Documented client",
            redirect_uris: [LOOPBACK],
            grant_types: ["authorization_code", "refresh_token"],
            response_types: ["code"],
            token_endpoint_auth_method: "none"
          }
        })
        const deployment = yield* deploy()
        const visitor = yield* browser(deployment)
        const memory = new Memory(hosted.url("/client.json"))
        const client = yield* connect(deployment.url, memory, visitor.allow)
        assert.deepStrictEqual(hosted.asked(), ["/client.json"])
        assert.include(yield* client.names, "echo")
        assert.strictEqual(decodeJwt(memory.held.access_token)["client_id"], hosted.url("/client.json"))
      }).pipe(Effect.scoped)
    )

    it.live("signs in to one server, and to no other", () =>
      Effect.gen(function* () {
        const deployment = yield* deploy({ servers: { raw, other: raw } })
        const visitor = yield* browser(deployment)
        const memory = new Memory()
        const client = yield* connect(`${deployment.url}/raw`, memory, visitor.allow)
        assert.include(yield* client.names, "echo")
        const token = memory.held.access_token
        assert.strictEqual(decodeJwt(token).aud, `${deployment.url}/raw`)
        assert.strictEqual((yield* knock(`${deployment.url}/raw`, token)).status, 200)
        assert.strictEqual((yield* knock(`${deployment.url}/other`, token)).status, 401)
        assert.strictEqual((yield* knock(deployment.url, token)).status, 401)
      }).pipe(Effect.scoped)
    )
  })
}
