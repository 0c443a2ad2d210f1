import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as ClientMetadata from "../../src/auth/ClientMetadata.ts"

const CALLBACK = "https://client.example/cb"
const taken = (body: unknown) => Result.getOrThrow(ClientMetadata.take(body))
const refused = (body: unknown) => {
  const result = ClientMetadata.take(body)
  return Result.isFailure(result) ? result.failure : undefined
}

describe("a registration", () => {
  it("with nothing but a redirect URI is a public client's, which may stay signed in", () => {
    assert.deepStrictEqual(taken({ redirect_uris: [CALLBACK] }), {
      redirect_uris: [CALLBACK],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      scope: "mcp offline_access",
      application_type: "web"
    })
  })

  it("of web, loopback and private-use addresses at once is taken, as Cursor's", () => {
    const uris = [
      "cursor://anysphere.cursor-mcp/oauth/callback",
      "https://www.cursor.com/agents/mcp/oauth/callback",
      "http://localhost:8787/callback"
    ]
    const { application_type, redirect_uris } = taken({ redirect_uris: uris, application_type: "web" })
    assert.deepStrictEqual(redirect_uris, uris)
    assert.strictEqual(application_type, "native")
  })

  it.each([
    "openid email",
    "claudeai",
    "mcp:tools offline_access",
    "",
    "https://www.googleapis.com/auth/userinfo.email"
  ])("with the scope %j is not refused for it", (scope) => {
    assert.strictEqual(taken({ redirect_uris: [CALLBACK], scope }).scope, "mcp offline_access")
  })

  it("may ask for a secret, and for no refresh tokens", () => {
    for (const method of ["client_secret_post", "client_secret_basic"] as const) {
      const body = {
        redirect_uris: [CALLBACK],
        token_endpoint_auth_method: method,
        grant_types: ["authorization_code"]
      }
      assert.strictEqual(taken(body).token_endpoint_auth_method, method)
      assert.deepStrictEqual(taken(body).grant_types, ["authorization_code"])
    }
  })

  it("may name a method that we do not have, if it makes do without, as ChatGPT's document", () => {
    const body = {
      redirect_uris: [CALLBACK],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_methods_supported: ["none", "private_key_jwt"]
    }
    assert.strictEqual(taken(body).token_endpoint_auth_method, "none")
    assert.strictEqual(
      refused({ ...body, token_endpoint_auth_methods_supported: undefined })?.error,
      "invalid_client_metadata"
    )
  })

  it.each([
    [null, "invalid_client_metadata"],
    [[], "invalid_client_metadata"],
    [{}, "invalid_client_metadata"],
    [{ redirect_uris: [] }, "invalid_client_metadata"],
    [{ redirect_uris: CALLBACK }, "invalid_client_metadata"],
    [{ redirect_uris: [1] }, "invalid_client_metadata"],
    [{ redirect_uris: [CALLBACK], grant_types: ["client_credentials"] }, "invalid_client_metadata"],
    [{ redirect_uris: [CALLBACK], response_types: ["token"] }, "invalid_client_metadata"],
    [{ redirect_uris: [CALLBACK], token_endpoint_auth_method: "private_key_jwt" }, "invalid_client_metadata"],
    [{ redirect_uris: ["javascript:alert(1)"] }, "invalid_redirect_uri"],
    [{ redirect_uris: [CALLBACK, "http://example.com/cb"] }, "invalid_redirect_uri"]
  ])("%j is refused as %s", (body, error) => {
    assert.strictEqual(refused(body)?.error, error)
  })

  it("names every redirect URI that is wrong, by its place", () => {
    const refusal = refused({ redirect_uris: [CALLBACK, "http://a.example/", "data:x"] })
    assert.match(refusal?.description ?? "", /redirect_uris\[1\].*; redirect_uris\[2\]/u)
  })

  it("keeps only what it knows, in short, whatever is sent", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (extra, name) => {
        const { token_endpoint_auth_method: _, grant_types: __, response_types: ___, ...harmless } = extra
        const metadata = taken({ ...harmless, client_name: name, redirect_uris: [CALLBACK] })
        for (const key of Object.keys(metadata)) {
          assert.isTrue((ClientMetadata.FIELDS as ReadonlyArray<string>).includes(key), key)
        }
        assert.isTrue((metadata.client_name ?? "").length <= 200)
      })
    )
  })
})
