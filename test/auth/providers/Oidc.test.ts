/** Providers found by their issuer: what their document says is followed, where it can be trusted. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { IdentityProvider } from "../../../src/auth/IdentityProvider.ts"
import * as Oidc from "../../../src/auth/providers/Oidc.ts"
import { collectingLogs } from "../../support/logged.ts"
import { type Asked, type Reply, scripted, signer } from "../../support/provider.ts"
import { settle } from "../../support/settle.ts"

const ISSUER = "https://id.example.com/realms/a"
const DOCUMENT = `${ISSUER}/.well-known/openid-configuration`
const CALLBACK = "https://mcp.example.com/auth/callback"

const metadata = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize?tenant=1`,
  token_endpoint: `${ISSUER}/token`,
  jwks_uri: `${ISSUER}/keys`,
  userinfo_endpoint: `${ISSUER}/me`
}

interface World {
  readonly provider: IdentityProvider["Service"]
  readonly asked: ReadonlyArray<Asked>
}

const world = <A, E>(
  script: Readonly<Record<string, ReadonlyArray<Reply>>>,
  test: (world: World) => Effect.Effect<A, E>,
  other: Partial<Oidc.OidcOptions> = {}
) => {
  const { asked, layer } = scripted(script)
  const oidc = Oidc.layer({
    name: "id.example.com",
    issuer: ISSUER,
    clientId: "us & them",
    clientSecret: Redacted.make("s:e+c"),
    audience: Option.none(),
    ...other
  })
  return Effect.provide(
    Effect.flatMap(IdentityProvider, (provider) => test({ provider, asked })),
    Layer.provide(oidc, layer)
  )
}

const begin = ({ provider }: World) => provider.begin({ state: "s", redirectUri: CALLBACK, again: false })

const document = (other: object = {}): ReadonlyArray<Reply> => [{ json: { ...metadata, ...other } }]

describe("a provider's document", () => {
  it.effect("is read once for many visits, and again after an hour", () =>
    world({ [DOCUMENT]: document() }, (it) =>
      Effect.gen(function* () {
        yield* begin(it)
        yield* begin(it)
        assert.strictEqual(it.asked.length, 1)
        yield* TestClock.adjust("61 minutes")
        yield* begin(it)
        assert.strictEqual(it.asked.length, 2)
      })
    )
  )

  it.effect("says where people are sent; what its address holds already stays", () =>
    world(
      { [DOCUMENT]: document() },
      (it) =>
        Effect.gen(function* () {
          const url = new URL((yield* begin(it)).url)
          assert.strictEqual(url.origin + url.pathname, `${ISSUER}/authorize`)
          assert.strictEqual(url.searchParams.get("tenant"), "1")
          assert.strictEqual(url.searchParams.get("scope"), "openid email profile")
          assert.strictEqual(url.searchParams.get("audience"), "https://api.example.com")
          assert.isFalse(url.searchParams.has("access_type"))
        }),
      { audience: Option.some("https://api.example.com") }
    )
  )

  it.effect("that knows offline_access is asked for it: with it comes a refresh token", () =>
    world({ [DOCUMENT]: document({ scopes_supported: ["openid", "offline_access"] }) }, (it) =>
      Effect.gen(function* () {
        const { searchParams } = new URL((yield* begin(it)).url)
        assert.strictEqual(searchParams.get("scope"), "openid email profile offline_access")
      })
    )
  )

  it.effect("may spell its issuer with or without the slash at the end, as the setting may", () =>
    Effect.forEach(
      [
        [ISSUER, `${ISSUER}/`],
        [`${ISSUER}/`, ISSUER]
      ] as const,
      ([set, said]) => world({ [DOCUMENT]: document({ issuer: said }) }, begin, { issuer: set })
    )
  )

  const useless: ReadonlyArray<readonly [string, Reply, string]> = [
    ["is of another issuer", { json: { ...metadata, issuer: "https://id.example.com/realms/b" } }, "of another issuer"],
    [
      "sends our secret through the clear",
      { json: { ...metadata, token_endpoint: "http://id.example.com/t" } },
      "https://"
    ],
    ["lacks an address", { json: { ...metadata, jwks_uri: undefined } }, "is not the document of an OpenID provider"],
    ["is not there", { status: 404, text: "" }, "is not the document of an OpenID provider (HTTP 404)"],
    ["is elsewhere", { status: 302, text: "" }, "is not the document of an OpenID provider (HTTP 302)"],
    ["cannot be fetched", "no connection", "ECONNREFUSED"]
  ]

  it.effect.each(useless)(
    "that %s is of no use; the log says so at the start, and it is tried again",
    ([, reply, words]) =>
      Effect.gen(function* () {
        const [, lines] = yield* collectingLogs(
          world({ [DOCUMENT]: [reply, reply, ...document()] }, (it) =>
            Effect.gen(function* () {
              yield* settle
              const error = yield* Effect.flip(begin(it))
              assert.strictEqual(error._tag, "ProviderUnavailable")
              assert.include(error.message, words)
              yield* begin(it)
            })
          )
        )
        const warnings = lines.filter(({ level }) => level === "Warn").map(({ text }) => text)
        assert.strictEqual(warnings.length, 1)
        assert.include(warnings[0], "Nobody can sign in yet: id.example.com cannot be asked at present")
      })
  )
})

const NOW = 1_700_000_000

describe("a visit to such a provider", () => {
  const claims = (other: object) => ({
    iss: ISSUER,
    aud: "us & them",
    iat: NOW,
    exp: NOW + 60,
    nonce: "n",
    sub: "1",
    ...other
  })
  const memory = JSON.stringify({ verifier: "v", nonce: "n" })
  const ann = { email: "Ann@example.com", email_verified: true }

  const ending = (other: object, script: Readonly<Record<string, ReadonlyArray<Reply>>>, query = "code=c") =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOW * 1000)
      const key = yield* signer("one", "ES256")
      const idToken = yield* Effect.promise(() => key.sign(claims(other)))
      return yield* world(
        {
          [DOCUMENT]: document(),
          [metadata.token_endpoint]: [{ json: { id_token: idToken, access_token: "access", refresh_token: "r" } }],
          [metadata.jwks_uri]: [{ json: { keys: [key.jwk] } }],
          ...script
        },
        ({ asked, provider }) =>
          Effect.map(
            provider.complete({ query: new URLSearchParams(query), redirectUri: CALLBACK, memory }),
            (signedIn) => ({ ...signedIn, asked })
          )
      )
    })

  it.effect("tells who somebody is, by issuer and id; an organisation is Google's word only", () =>
    Effect.gen(function* () {
      const { asked, identity, refreshToken } = yield* ending({ ...ann, hd: "example.com" }, {})
      assert.deepStrictEqual({ ...identity }, {
        subject: "oidc:id.example.com/realms/a:1",
        email: "ann@example.com"
      } as never)
      assert.deepStrictEqual(Option.map(refreshToken, Redacted.value), Option.some("r"))
      assert.isFalse(asked.some(({ url }) => url === metadata.userinfo_endpoint))
    })
  )

  it.effect("shows the secret in the header, form-encoded first, unless the document wants it in the form", () =>
    Effect.gen(function* () {
      const { asked } = yield* ending(ann, {})
      const basic = asked.find(({ url }) => url === metadata.token_endpoint)
      assert.strictEqual(basic?.authorization, `Basic ${Buffer.from("us+%26+them:s%3Ae%2Bc").toString("base64")}`)
      assert.isFalse(basic?.form.has("client_secret"))
      const posting = yield* ending(ann, {
        [DOCUMENT]: document({ token_endpoint_auth_methods_supported: ["client_secret_post"] })
      })
      const post = posting.asked.find(({ url }) => url === metadata.token_endpoint)
      assert.isUndefined(post?.authorization)
      assert.strictEqual(post?.form.get("client_secret"), "s:e+c")
    })
  )

  it.effect("asks for the e-mail where the ID token has none, and takes it for the same account only", () =>
    Effect.gen(function* () {
      const { asked, identity } = yield* ending({}, { [metadata.userinfo_endpoint]: [{ json: { sub: "1", ...ann } }] })
      assert.strictEqual(identity.email, "ann@example.com")
      assert.strictEqual(asked.at(-1)?.authorization, "Bearer access")
      const other = ending({}, { [metadata.userinfo_endpoint]: [{ json: { sub: "2", ...ann } }] })
      assert.include((yield* Effect.flip(other)).message, "has not told this server your e-mail")
      const unverified = ending({}, { [metadata.userinfo_endpoint]: [{ json: { sub: "1", email: ann.email } }] })
      assert.include((yield* Effect.flip(unverified)).message, "has not verified your e-mail")
    })
  )

  it.effect("has to name its issuer where the document says that it does", () =>
    Effect.gen(function* () {
      const script = { [DOCUMENT]: document({ authorization_response_iss_parameter_supported: true }) }
      assert.include((yield* Effect.flip(ending(ann, script))).message, "does not come from id.example.com")
      const { identity } = yield* ending(ann, script, `code=c&iss=${encodeURIComponent(ISSUER)}`)
      assert.strictEqual(identity.email, "ann@example.com")
    })
  )
})
