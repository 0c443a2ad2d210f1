/** The authorization server, asked as clients ask it, with a Store that ends with the test. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { SignJWT, UnsecuredJWT } from "jose"
import * as AccessPolicy from "../../../src/access/AccessPolicy.ts"
import { ProviderUnavailable, SignInRefused } from "../../../src/auth/IdentityProvider.ts"
import { AccessTokens } from "../../../src/auth/server/AccessTokens.ts"
import { Accounts } from "../../../src/auth/server/Accounts.ts"
import { AuthorizationServer } from "../../../src/auth/server/AuthorizationServer.ts"
import { Store } from "../../../src/storage/Store.ts"
import * as oauth from "../../support/oauth.ts"

const CALLBACK = "https://claude.ai/api/mcp/auth_callback"

const surroundings = Layer.merge(oauth.memory, oauth.providerLayer())
const layer = Layer.provideMerge(oauth.serverLayer(), surroundings)

const client = (metadata: Record<string, unknown> = {}) =>
  Effect.map(oauth.register({ redirect_uris: [CALLBACK], ...metadata }), ({ body }) => body)

const clientId = Effect.map(client(), (body) => body.client_id)

const verify = (token: string) =>
  Effect.map(
    Effect.flatMap(AccessTokens, (tokens) => tokens.verify(token)),
    (verified) => (Result.isSuccess(verified) ? "good" : verified.failure)
  )

const authorizeRaw = (query: Record<string, string>) =>
  Effect.flatMap(AuthorizationServer, (server) => server.authorize(new URLSearchParams(query)))

const good = (id: string): Record<string, string> => ({
  client_id: id,
  response_type: "code",
  redirect_uri: CALLBACK,
  code_challenge: oauth.pkce().challenge,
  code_challenge_method: "S256",
  state: "xyz"
})

const without = (query: Record<string, string>, name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(query).filter(([key]) => key !== name))

const test = <E>(
  name: string,
  effect: () => Effect.Effect<void, E, AuthorizationServer | Accounts | AccessTokens | Store>
) => it.live(name, () => Effect.provide(effect(), layer))

describe("registration", () => {
  test("gives a public client an id and no secret, and echoes what is kept", () =>
    Effect.gen(function* () {
      const { body, status } = yield* oauth.register({ redirect_uris: [CALLBACK], client_name: "Test", jwks: {}, x: 1 })
      assert.strictEqual(status, 201)
      assert.deepStrictEqual(Object.keys(body).sort(), [
        "application_type",
        "client_id",
        "client_id_issued_at",
        "client_name",
        "grant_types",
        "redirect_uris",
        "response_types",
        "scope",
        "token_endpoint_auth_method"
      ])
    }))

  test("of the same metadata again does not grow the store", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const first = yield* client({ client_name: "A" })
      const again = yield* client({ client_name: "A" })
      const other = yield* client({ client_name: "B" })
      assert.strictEqual(again.client_id, first.client_id)
      assert.notStrictEqual(other.client_id, first.client_id)
      assert.lengthOf(yield* store.list("oauth Client"), 2)
    }))

  test("gives each confidential client a secret of its own, without which it gets no tokens", () =>
    Effect.gen(function* () {
      const one = yield* client({ token_endpoint_auth_method: "client_secret_post" })
      const two = yield* client({ token_endpoint_auth_method: "client_secret_post" })
      assert.notStrictEqual(one.client_id, two.client_id)
      assert.notStrictEqual(one.client_secret, two.client_secret)
      const code = yield* oauth.authorize(one.client_id, CALLBACK)
      assert.strictEqual((yield* oauth.exchange(code)).status, 401)
      assert.strictEqual((yield* oauth.exchange(code, { client_secret: two.client_secret })).status, 401)
      assert.strictEqual((yield* oauth.exchange(code, { client_secret: one.client_secret })).status, 200)
    }))
})

describe("an authorization request", () => {
  test("of an unknown client, or for an address that it did not register, is sent nowhere", () =>
    Effect.gen(function* () {
      const id = yield* clientId
      const unknown = yield* authorizeRaw(good("nobody"))
      assert.deepInclude(unknown, { _tag: "Refused", error: "invalid_client" })
      for (const redirect_uri of [`${CALLBACK}/`, "https://evil.example/", "javascript:alert(1)"]) {
        const refused = yield* authorizeRaw({ ...good(id), redirect_uri })
        assert.deepInclude(refused, { _tag: "Refused", error: "invalid_redirect_uri" })
      }
    }))

  test("that is wrong otherwise goes back to the client with the error, the state and the issuer", () =>
    Effect.gen(function* () {
      const id = yield* clientId
      const wrong = [
        [without(good(id), "code_challenge"), "invalid_request"],
        [{ ...good(id), code_challenge_method: "plain" }, "invalid_request"],
        [{ ...good(id), response_type: "token" }, "unsupported_response_type"],
        [{ ...good(id), resource: "https://evil.example/mcp" }, "invalid_target"],
        [{ ...good(id), resource: "https://mcp.example.com" }, "invalid_target"]
      ] as const
      for (const [query, error] of wrong) {
        const answer = yield* authorizeRaw(query)
        const url = new URL(answer._tag === "Redirect" ? answer.url : "about:blank")
        assert.strictEqual(`${url.origin}${url.pathname}`, CALLBACK, JSON.stringify(query))
        // Whoever asked for a token looks for the answer in the fragment (OAuth 2.0 Multiple Response Types §3).
        const said = new URLSearchParams(url.search === "" ? url.hash.slice(1) : url.search)
        assert.strictEqual(said.get("error"), error)
        assert.strictEqual(said.get("state"), "xyz")
        assert.strictEqual(said.get("iss"), oauth.url.issuer)
      }
    }))

  test("that the person refuses goes back with access_denied", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      const asked = yield* authorizeRaw(good(yield* clientId))
      if (asked._tag !== "Ask") return assert.fail(asked._tag)
      const url = new URL((yield* server.deny(asked.transaction, "no")) ?? "about:blank")
      assert.strictEqual(url.searchParams.get("error"), "access_denied")
      assert.strictEqual(url.searchParams.get("iss"), oauth.url.issuer)
      assert.isNull(url.searchParams.get("code"))
      // A decision is made once.
      assert.isUndefined(yield* server.allow(asked.transaction, oauth.ann.subject))
    }))
})

describe("a code", () => {
  test("is exchanged for tokens that say who, for whom and for what", () =>
    Effect.gen(function* () {
      const id = yield* clientId
      const { body, headers, status } = yield* oauth.exchange(yield* oauth.authorize(id, CALLBACK))
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["cache-control"], "no-store")
      assert.deepInclude(body, { token_type: "Bearer", expires_in: 3600, scope: "mcp offline_access" })
      const tokens = yield* AccessTokens
      const { audience, clientId: forWhom, principal } = Result.getOrThrow(yield* tokens.verify(body.access_token))
      assert.isString(principal.grantId)
      assert.deepStrictEqual(principal, {
        subject: oauth.ann.subject,
        kind: "person",
        displayName: "ann@example.com",
        email: "ann@example.com",
        clientId: id,
        ...(principal.grantId === undefined ? {} : { grantId: principal.grantId })
      })
      assert.strictEqual(audience, oauth.url.resource)
      assert.strictEqual(forWhom, id)
    }))

  test("is good once, and used twice takes back what it gave", () =>
    Effect.gen(function* () {
      const id = yield* clientId
      const code = yield* oauth.authorize(id, CALLBACK)
      const { body } = yield* oauth.exchange(code)
      assert.strictEqual(yield* verify(body.access_token), "good")
      const replayed = yield* oauth.exchange(code)
      assert.strictEqual(replayed.status, 400)
      assert.strictEqual(replayed.body.error, "invalid_grant")
      assert.strictEqual(yield* verify(body.access_token), "revoked")
      assert.strictEqual((yield* oauth.refresh(id, body.refresh_token)).status, 400)
    }))

  test("sent twenty times at once is exchanged once at most", () =>
    Effect.gen(function* () {
      const code = yield* oauth.authorize(yield* clientId, CALLBACK)
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, () => oauth.exchange(code)),
        { concurrency: "unbounded" }
      )
      assert.isAtMost(answers.filter(({ status }) => status === 200).length, 1)
    }))

  test("is worth nothing to another client, with another verifier, for another address or another resource", () =>
    Effect.gen(function* () {
      const id = yield* clientId
      const other = (yield* client({ client_name: "Other" })).client_id
      const attempts: ReadonlyArray<Record<string, string>> = [
        { client_id: other },
        { code_verifier: oauth.pkce().verifier },
        { code_verifier: "" },
        { redirect_uri: "https://claude.ai/other" },
        { resource: `${oauth.url.resource}/github` },
        { resource: "https://evil.example/mcp" }
      ]
      for (const attempt of attempts) {
        const { body, status } = yield* oauth.exchange(yield* oauth.authorize(id, CALLBACK), attempt)
        assert.strictEqual(status, 400, JSON.stringify(attempt))
        assert.include(["invalid_grant", "invalid_request", "invalid_target"], body.error)
      }
    }))

  test("is for the resource that was asked for, however it was spelt", () =>
    Effect.gen(function* () {
      const id = yield* clientId
      const tokens = yield* AccessTokens
      for (const [asked, audience] of [
        [`${oauth.url.resource}/`, oauth.url.resource],
        [`${oauth.url.resource}/github/`, `${oauth.url.resource}/github`]
      ] as const) {
        const code = yield* oauth.authorize(id, CALLBACK, { resource: asked })
        const { body } = yield* oauth.exchange(code, { resource: audience })
        assert.strictEqual(Result.getOrThrow(yield* tokens.verify(body.access_token)).audience, audience)
      }
    }))

  test("needs a client that is known: 401, so that clients register anew", () =>
    Effect.gen(function* () {
      const { body, status } = yield* oauth.token({ grant_type: "authorization_code", client_id: "nobody", code: "x" })
      assert.strictEqual(status, 401)
      assert.strictEqual(body.error, "invalid_client")
    }))
})

const signedIn = Effect.gen(function* () {
  const id = yield* clientId
  const { body } = yield* oauth.exchange(yield* oauth.authorize(id, CALLBACK))
  return { id, access: body.access_token, refresh: body.refresh_token }
})

describe("a refresh token", () => {
  test("is replaced when it is used, and two uses at once both live", () =>
    Effect.gen(function* () {
      const { id, refresh } = yield* signedIn
      const answers = yield* Effect.all([oauth.refresh(id, refresh), oauth.refresh(id, refresh)], {
        concurrency: "unbounded"
      })
      const next = answers.map(({ body }) => body.refresh_token)
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 200]
      )
      assert.lengthOf(new Set([refresh, ...next]), 3)
      for (const one of next) assert.strictEqual((yield* oauth.refresh(id, one)).status, 200)
    }))

  test("is worth nothing to another client, and not to be found in the store", () =>
    Effect.gen(function* () {
      const { access, refresh } = yield* signedIn
      const other = (yield* client({ client_name: "Other" })).client_id
      assert.strictEqual((yield* oauth.refresh(other, refresh)).body.error, "invalid_grant")
      const store = yield* Store
      const rows = [
        ...(yield* store.list("oauth RefreshToken")),
        ...(yield* store.list("oauth Grant")),
        ...(yield* store.list("oauth consumed"))
      ]
      assert.isNotEmpty(rows)
      for (const secret of [refresh, access, oauth.ann.email, oauth.ann.subject]) {
        assert.notInclude(JSON.stringify(rows), secret)
      }
    }))

  test("that is revoked takes its access tokens along", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      const { access, id, refresh } = yield* signedIn
      const body = new URLSearchParams({ token: refresh, client_id: id }).toString()
      assert.strictEqual((yield* server.revoke({ authorization: undefined, body })).status, 200)
      assert.strictEqual(yield* verify(access), "revoked")
      assert.strictEqual((yield* oauth.refresh(id, refresh)).status, 400)
    }))
})

describe("a refresh token used again after its grace", () => {
  it.live("is taken for stolen: all of its family is revoked", () => {
    const early = { now: 0 }
    return Effect.gen(function* () {
      const { access, id, refresh } = yield* signedIn
      const { body } = yield* oauth.refresh(id, refresh)
      // What the store knows of its use is put back by a minute and a bit.
      const store = yield* Store
      for (const { key, value } of yield* store.list("oauth consumed")) {
        yield* store.put("oauth consumed", { key, value: String(Number(value) - 61_000) }, Duration.hours(1))
        early.now++
      }
      assert.isAbove(early.now, 0)
      assert.strictEqual((yield* oauth.refresh(id, refresh)).body.error, "invalid_grant")
      assert.strictEqual((yield* oauth.refresh(id, body.refresh_token)).status, 400)
      assert.strictEqual(yield* verify(access), "revoked")
    }).pipe(Effect.provide(layer))
  })
})

describe("a refresh", () => {
  const rechecked = (answer: Effect.Effect<void, SignInRefused | ProviderUnavailable>, isAdmitted = true) => {
    const asked: Array<string> = []
    const provider = oauth.providerLayer((token) => {
      asked.push(Redacted.value(token))
      return Effect.as(answer, Option.none())
    })
    return Effect.gen(function* () {
      const rules = { file: undefined, emails: new Set<string>(), domains: new Set<string>() }
      const { replace, service } = yield* AccessPolicy.fromRules(rules)
      const server = oauth.serverLayer({ policy: Layer.succeed(AccessPolicy.AccessPolicy, service) })
      return yield* Effect.gen(function* () {
        const accounts = yield* Accounts
        const { access, id, refresh } = yield* signedIn
        yield* accounts.signedIn({ identity: oauth.ann, refreshToken: Option.some(Redacted.make("at Google")) })
        if (!isAdmitted) yield* replace({ ...rules, emails: new Set(["bob@example.com"]) })
        const { body, status } = yield* oauth.refresh(id, refresh)
        return { status, error: body.error, asked, access: yield* verify(access) }
      }).pipe(Effect.provide(Layer.provideMerge(server, Layer.merge(oauth.memory, provider))))
    })
  }

  it.live("asks the provider whether the account still stands", () =>
    Effect.gen(function* () {
      const { asked, status } = yield* rechecked(Effect.void)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(asked, ["at Google"])
    })
  )

  it.live("of an account that the provider refuses ends everything that it had", () =>
    Effect.gen(function* () {
      const refused = yield* rechecked(Effect.fail(new SignInRefused({ reason: "gone" })))
      assert.deepInclude(refused, { status: 400, error: "invalid_grant", access: "revoked" })
    })
  )

  it.live("goes on while the provider cannot be asked", () =>
    Effect.gen(function* () {
      const outage = yield* rechecked(Effect.fail(new ProviderUnavailable({ provider: "Test", reason: "down" })))
      assert.deepInclude(outage, { status: 200, access: "good" })
    })
  )

  it.live("of somebody whom the operator has shut out is refused", () =>
    Effect.gen(function* () {
      const shut = yield* rechecked(Effect.void, false)
      assert.deepInclude(shut, { status: 400, error: "invalid_grant", access: "revoked" })
    })
  )
})

describe("an access token", () => {
  test("can be revoked by its own client, and by no other", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      const { access, id } = yield* signedIn
      const other = (yield* client({ client_name: "Other" })).client_id
      const revoke = (who: string) =>
        server.revoke({
          authorization: undefined,
          body: new URLSearchParams({ token: access, client_id: who }).toString()
        })
      assert.strictEqual((yield* revoke(other)).status, 200)
      assert.strictEqual(yield* verify(access), "good")
      assert.strictEqual((yield* revoke("nobody")).status, 401)
      assert.strictEqual((yield* revoke(id)).status, 200)
      assert.strictEqual(yield* verify(access), "revoked")
    }))

  test("of another key, without a signature, or with anything changed is not believed", () =>
    Effect.gen(function* () {
      const { access } = yield* signedIn
      const [header = "", payload = "", signature = ""] = access.split(".")
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>
      const { kid } = JSON.parse(Buffer.from(header, "base64url").toString()) as { readonly kid: string }
      const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")
      const forged = yield* Effect.promise(() =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid })
          .sign(new TextEncoder().encode("x".repeat(32)))
      )
      for (const token of [
        forged,
        new UnsecuredJWT(claims).encode(),
        `${encode({ alg: "none", typ: "at+jwt", kid })}.${payload}.${signature}`,
        `${header}.${encode({ ...claims, email: "boss@example.com" })}.${signature}`,
        `${encode({ alg: "HS256", typ: "at+jwt", kid: "other" })}.${payload}.${signature}`,
        `${header}.${payload}.`,
        `${access}x`,
        "x",
        "",
        "a".repeat(100_000)
      ]) {
        assert.strictEqual(yield* verify(token), "invalid", token.slice(0, 80))
      }
      assert.strictEqual(yield* verify(access), "good")
    }))

  it.live("expires", () =>
    Effect.gen(function* () {
      const { access } = yield* signedIn
      assert.strictEqual(yield* verify(access), "good")
      yield* Effect.sleep("3100 millis")
      assert.strictEqual(yield* verify(access), "expired")
    }).pipe(
      // Long enough for a busy machine to sign somebody in meanwhile.
      Effect.provide(Layer.provideMerge(oauth.serverLayer({ accessTokenLifetime: Duration.seconds(3) }), surroundings))
    )
  )
})

describe("a restart", () => {
  it.live("in the middle of each step loses nothing", () =>
    Effect.gen(function* () {
      const again = <A, E>(step: Effect.Effect<A, E, AuthorizationServer | Accounts | AccessTokens | Store>) =>
        Effect.provide(step, Layer.fresh(oauth.serverLayer()))
      const id = yield* again(clientId)
      const { challenge, verifier } = oauth.pkce()
      const asked = yield* again(authorizeRaw({ ...good(id), code_challenge: challenge }))
      if (asked._tag !== "Ask") return assert.fail(asked._tag)
      yield* again(oauth.signIn(oauth.ann))
      const location = yield* again(
        Effect.flatMap(AuthorizationServer, (server) => server.allow(asked.transaction, oauth.ann.subject))
      )
      const redirect = new URL(location ?? "about:blank")
      const code = redirect.searchParams.get("code") ?? ""
      const { body } = yield* again(oauth.exchange({ code, verifier, redirectUri: CALLBACK, clientId: id, redirect }))
      assert.strictEqual(yield* again(verify(body.access_token)), "good")
      const refreshed = yield* again(oauth.refresh(id, body.refresh_token))
      assert.strictEqual(refreshed.status, 200)
      const form = new URLSearchParams({ token: refreshed.body.refresh_token, client_id: id }).toString()
      yield* again(
        Effect.flatMap(AuthorizationServer, (server) => server.revoke({ authorization: undefined, body: form }))
      )
      assert.strictEqual(yield* again(verify(body.access_token)), "revoked")
    }).pipe(Effect.provide(surroundings))
  )
})
