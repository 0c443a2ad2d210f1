/** What a provider says is believed only where it is proven, and what it fails to say is told in plain words. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { base64url, SignJWT, UnsecuredJWT } from "jose"
import { IdentityProvider } from "../../../src/auth/IdentityProvider.ts"
import * as Google from "../../../src/auth/providers/Google.ts"
import { collectingLogs } from "../../support/logged.ts"
import { type Asked, type Reply, scripted, signer, type Signer } from "../../support/provider.ts"

const TOKEN = "https://oauth2.googleapis.com/token"
const KEYS = "https://www.googleapis.com/oauth2/v3/certs"
const CALLBACK = "https://mcp.example.com/auth/callback"
const SECRET = "GOCSPX-secret"

type Claims = Readonly<Record<string, unknown>>

interface World {
  readonly provider: IdentityProvider["Service"]
  readonly asked: ReadonlyArray<Asked>
}

const world = <A, E>(
  script: { readonly token?: ReadonlyArray<Reply>; readonly keys?: ReadonlyArray<Reply> },
  test: (world: World) => Effect.Effect<A, E>
) => {
  const { asked, layer } = scripted({ [TOKEN]: script.token ?? [], [KEYS]: script.keys ?? [] })
  const google = Google.layer({ clientId: "us", clientSecret: Redacted.make(SECRET) })
  return Effect.provide(
    Effect.flatMap(IdentityProvider, (provider) => test({ provider, asked })),
    Layer.provide(google, layer)
  )
}

const ANN: Claims = { sub: "1", email: "ann@example.com", email_verified: true }

const NOW = 1_700_000_000

/** What Google would say to a visit with this nonce. */
const claims = (nonce: string, other: Claims = {}): Claims => ({
  iss: "https://accounts.google.com",
  aud: "us",
  iat: NOW,
  exp: NOW + 3600,
  nonce,
  ...ANN,
  ...other
})

const query = (text = "code=c") => new URLSearchParams(text)

const NONCE = "n"
const memory = JSON.stringify({ verifier: "v", nonce: NONCE })

const complete = ({ provider }: World, text?: string) =>
  provider.complete({ query: query(text), redirectUri: CALLBACK, memory })

/** A visit that ends with this ID token. */
const endingWith = <A, E>(idToken: string, keys: ReadonlyArray<Reply>, test: (world: World) => Effect.Effect<A, E>) =>
  Effect.andThen(TestClock.setTime(NOW * 1000), world({ token: [{ json: { id_token: idToken } }], keys }, test))

const published = (...signers: ReadonlyArray<Signer>): Reply => ({ json: { keys: signers.map(({ jwk }) => jwk) } })

const reasonOf = (idToken: (google: Signer) => Promise<string>) =>
  Effect.gen(function* () {
    const google = yield* signer("one")
    const text = yield* Effect.promise(() => idToken(google))
    const error = yield* Effect.flip(endingWith(text, [published(google)], (it) => complete(it)))
    assert.strictEqual(error._tag, "SignInRefused")
    return error.message
  })

describe("the way to Google", () => {
  it.effect("asks for who somebody is, with PKCE, nonce and offline access, and without a prompt", () =>
    world({}, ({ provider }) =>
      Effect.gen(function* () {
        const { memory, url } = yield* provider.begin({ state: "s", redirectUri: CALLBACK, again: false })
        const { origin, pathname, searchParams } = new URL(url)
        assert.strictEqual(origin + pathname, "https://accounts.google.com/o/oauth2/v2/auth")
        const { code_challenge: challenge, nonce, ...rest } = Object.fromEntries(searchParams)
        assert.deepStrictEqual(rest, {
          response_type: "code",
          client_id: "us",
          redirect_uri: CALLBACK,
          scope:
            "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile",
          state: "s",
          code_challenge_method: "S256",
          access_type: "offline"
        })
        assert.match(`${challenge} ${nonce}`, /^[\w-]{43} [\w-]{43}$/u)
        assert.notInclude(url, (JSON.parse(memory) as { readonly verifier: string }).verifier)
      })
    )
  )

  it.effect("asks again for consent where a refresh token is wanted, and suggests an account", () =>
    world({}, ({ provider }) =>
      Effect.gen(function* () {
        const { url } = yield* provider.begin({ state: "s", redirectUri: CALLBACK, again: true, loginHint: "a@b.c" })
        const { searchParams } = new URL(url)
        assert.strictEqual(searchParams.get("prompt"), "consent")
        assert.strictEqual(searchParams.get("login_hint"), "a@b.c")
      })
    )
  )

  it.effect("is another each time", () =>
    world({}, ({ provider }) =>
      Effect.gen(function* () {
        const begin = provider.begin({ state: "s", redirectUri: CALLBACK, again: false })
        const [one, other] = [yield* begin, yield* begin]
        assert.notStrictEqual(one.url, other.url)
        assert.notStrictEqual(one.memory, other.memory)
      })
    )
  )
})

describe("an ID token", () => {
  it.effect("of Google's, for us, of this visit, is believed; the exchange shows verifier and secret", () =>
    Effect.gen(function* () {
      const google = yield* signer("one")
      for (const iss of ["https://accounts.google.com", "accounts.google.com"]) {
        const text = yield* Effect.promise(() => google.sign(claims(NONCE, { iss, hd: "Example.com", azp: "us" })))
        yield* endingWith(text, [published(google)], (it) =>
          Effect.gen(function* () {
            const { identity, refreshToken } = yield* complete(it)
            assert.deepStrictEqual({ ...identity }, {
              subject: "google:1",
              email: "ann@example.com",
              hostedDomain: "example.com"
            } as never)
            assert.isTrue(Option.isNone(refreshToken))
            assert.deepStrictEqual(Object.fromEntries(it.asked[0]?.form ?? []), {
              grant_type: "authorization_code",
              code: "c",
              redirect_uri: CALLBACK,
              code_verifier: "v",
              client_id: "us",
              client_secret: SECRET
            })
          })
        )
      }
    })
  )

  const forged: ReadonlyArray<readonly [string, (google: Signer) => Promise<string>]> = [
    ["without a signature (alg none)", () => Promise.resolve(new UnsecuredJWT({ ...claims(NONCE) }).encode())],
    [
      "signed with Google's public key as if it were a secret (HS256)",
      ({ publicText }) =>
        new SignJWT(claims(NONCE))
          .setProtectedHeader({ alg: "HS256", kid: "one" })
          .sign(new TextEncoder().encode(publicText))
    ],
    [
      "signed by somebody else under Google's key id",
      () => Effect.runPromise(Effect.flatMap(signer("one"), ({ sign }) => Effect.promise(() => sign(claims(NONCE)))))
    ],
    ["for another client", ({ sign }) => sign(claims(NONCE, { aud: "them" }))],
    ["for us among others, made for them", ({ sign }) => sign(claims(NONCE, { aud: ["us", "them"], azp: "them" }))],
    [
      "for us among others, without saying for whom it was made",
      ({ sign }) => sign(claims(NONCE, { aud: ["us", "t"] }))
    ],
    ["of another issuer", ({ sign }) => sign(claims(NONCE, { iss: "https://accounts.google.com.example.org" }))],
    ["of another visit", ({ sign }) => sign(claims("another"))],
    ["of no visit", ({ sign }) => sign({ ...claims(NONCE), nonce: undefined })],
    ["without a subject", ({ sign }) => sign({ ...claims(NONCE), sub: undefined })],
    ["with an empty subject", ({ sign }) => sign(claims(NONCE, { sub: "" }))],
    ["without an end", ({ sign }) => sign({ ...claims(NONCE), exp: undefined })],
    ["that is a word", () => Promise.resolve("word")],
    [
      "whose claims were changed after it was signed",
      async ({ sign }) => {
        const [head = "", , tail = ""] = (await sign(claims(NONCE))).split(".")
        return [head, base64url.encode(JSON.stringify(claims(NONCE, { email: "eve@example.com" }))), tail].join(".")
      }
    ]
  ]

  it.effect.each(forged)("%s is not believed", ([, idToken]) =>
    Effect.gen(function* () {
      assert.include(yield* reasonOf(idToken), "cannot be trusted. Start the sign-in again")
    })
  )

  const ofAnotherTime: ReadonlyArray<readonly [string, Claims]> = [
    ["that has expired", { iat: NOW - 60, exp: NOW - 61 }],
    ["from the future", { iat: NOW + 120, exp: NOW + 3600 }],
    ["from long ago", { iat: NOW - 3000 }],
    ["that is not valid yet", { nbf: NOW + 120 }]
  ]

  it.effect.each(ofAnotherTime)("%s is not believed, and the clocks are blamed", ([, times]) =>
    Effect.gen(function* () {
      assert.include(
        yield* reasonOf(({ sign }) => sign(claims(NONCE, times))),
        "The clocks of this server and of Google"
      )
    })
  )

  it.effect("of a clock that is off by less than a minute is believed", () =>
    Effect.gen(function* () {
      const google = yield* signer("one")
      const text = yield* Effect.promise(() => google.sign(claims(NONCE, { iat: NOW + 50, nbf: NOW + 50 })))
      yield* endingWith(text, [published(google)], (it) => complete(it))
    })
  )

  const withoutEmail: ReadonlyArray<readonly [string, Claims, string]> = [
    ["not verified", { email_verified: false }, "has not verified your e-mail"],
    ["not said to be verified", { email_verified: undefined }, "has not verified your e-mail"],
    ["missing", { email: undefined }, "has not told this server your e-mail address"],
    ["no e-mail", { email: "ann" }, "has not told this server your e-mail address"],
    ["of two lines", { email: "ann@example.com\nx" }, "has not told this server your e-mail address"]
  ]

  it.effect.each(withoutEmail)("whose e-mail is %s lets nobody in", ([, other, reason]) =>
    Effect.gen(function* () {
      assert.include(yield* reasonOf(({ sign }) => sign({ ...claims(NONCE), ...other })), reason)
    })
  )

  it.effect("whose name is strange is shown without its tricks", () =>
    Effect.gen(function* () {
      const google = yield* signer("one")
      const text = yield* Effect.promise(() =>
        google.sign(claims(NONCE, { name: ` A\u202enn\u0000 ${"x".repeat(200)}` }))
      )
      const { identity } = yield* endingWith(text, [published(google)], (it) => complete(it))
      assert.match(identity.name ?? "", /^A nn {2}x{90,95}$/u)
    })
  )
})

describe("the keys of a provider", () => {
  it.effect("are fetched once for many visits, and again after an hour", () =>
    Effect.gen(function* () {
      const google = yield* signer("one")
      const text = yield* Effect.promise(() => google.sign(claims(NONCE, { exp: NOW + 100_000 })))
      yield* endingWith(text, [published(google)], (it) =>
        Effect.gen(function* () {
          const fetches = () => it.asked.filter(({ url }) => url === KEYS).length
          yield* complete(it)
          yield* complete(it)
          assert.strictEqual(fetches(), 1)
          yield* TestClock.adjust("61 minutes")
          yield* Effect.flip(complete(it))
          assert.strictEqual(fetches(), 2)
        })
      )
    })
  )

  it.effect("are fetched again for a token whose key is new, but not for every such token", () =>
    Effect.gen(function* () {
      const [old, fresh] = [yield* signer("old"), yield* signer("new")]
      const text = yield* Effect.promise(() => fresh.sign(claims(NONCE)))
      yield* endingWith(text, [published(old), published(old), published(old, fresh)], (it) =>
        Effect.gen(function* () {
          const fetches = () => it.asked.filter(({ url }) => url === KEYS).length
          assert.strictEqual((yield* Effect.flip(complete(it)))._tag, "SignInRefused")
          assert.strictEqual((yield* Effect.flip(complete(it)))._tag, "SignInRefused")
          assert.strictEqual(fetches(), 1)
          yield* TestClock.adjust("31 seconds")
          yield* Effect.flip(complete(it))
          assert.strictEqual(fetches(), 2)
          yield* TestClock.adjust("31 seconds")
          assert.strictEqual((yield* complete(it)).identity.email, "ann@example.com")
          assert.strictEqual(fetches(), 3)
        })
      )
    })
  )

  it.effect.each<Reply>([
    { status: 404, text: "not here" },
    { json: { keys: "none" } },
    { json: { keys: [7] } },
    { text: "{" },
    "no connection"
  ])("that cannot be read (%j) are the provider's failure, and are asked for again with the next visit", (reply) =>
    Effect.gen(function* () {
      const google = yield* signer("one")
      const text = yield* Effect.promise(() => google.sign(claims(NONCE)))
      yield* endingWith(text, [reply, published(google)], (it) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* Effect.flip(complete(it)))._tag, "ProviderUnavailable")
          yield* complete(it)
        })
      )
    })
  )
})

describe("an answer without a code", () => {
  it.effect.each([
    ["error=access_denied", "SignInRefused", "You were not signed in"],
    ["error=invalid_scope&error_description=x", "SignInRefused", "Google did not sign you in"],
    ["error=temporarily_unavailable", "ProviderUnavailable", "cannot be asked at present"],
    ["", "SignInRefused", "Google sent no answer"],
    ["code=", "SignInRefused", "Google sent no answer"],
    ["code=c&iss=https://evil.example.com", "SignInRefused", "The answer does not come from Google"]
  ] as const)("such as %j is said in plain words, without a call", ([text, tag, words]) =>
    world({}, (it) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(complete(it, text))
        assert.strictEqual(error._tag, tag)
        assert.include(error.message, words)
        assert.deepStrictEqual(it.asked, [])
      })
    )
  )

  it.effect("with a memory that is none is refused", () =>
    world({}, ({ provider }) =>
      Effect.gen(function* () {
        const given = { query: query(), redirectUri: CALLBACK, memory: "{}" }
        assert.include((yield* Effect.flip(provider.complete(given))).message, "was not begun here")
      })
    )
  )
})

describe("what the token endpoint refuses", () => {
  const recheck = ({ provider }: World) => provider.recheck(Redacted.make("refresh-secret"))

  const answers: ReadonlyArray<readonly [Reply, "SignInRefused" | "ProviderUnavailable"]> = [
    [
      { status: 400, json: { error: "invalid_grant", error_description: "Token has been expired or revoked." } },
      "SignInRefused"
    ],
    [{ status: 401, json: { error: "invalid_client" } }, "ProviderUnavailable"],
    [{ status: 400, json: { error: "unauthorized_client" } }, "ProviderUnavailable"],
    [{ status: 400, text: "<html>" }, "ProviderUnavailable"],
    [{ status: 302, text: "" }, "ProviderUnavailable"],
    [{ status: 429, json: { error: "invalid_grant" } }, "ProviderUnavailable"],
    [{ status: 500, json: { error: "invalid_grant" } }, "ProviderUnavailable"],
    [{ status: 200, text: "not json" }, "ProviderUnavailable"],
    [{ status: 200, text: "x".repeat(600_000) }, "ProviderUnavailable"],
    ["no connection", "ProviderUnavailable"]
  ]

  it.effect.each(answers)("with %j", ([reply, tag]) =>
    world({ token: [reply] }, (it) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(recheck(it)))._tag, tag)
      })
    )
  )

  it.effect("in silence, ends after ten seconds", () =>
    world({ token: ["silence"] }, (it) =>
      Effect.gen(function* () {
        const asking = yield* Effect.forkChild(Effect.flip(recheck(it)))
        yield* TestClock.adjust("11 seconds")
        const error = yield* Fiber.join(asking)
        assert.strictEqual(error.message, "Google cannot be asked at present: it has not answered within 10s")
        assert.isAtLeast(yield* Clock.currentTimeMillis, 10_000)
      })
    )
  )

  it.effect("for our own mistake is an error in the log, which names no secret", () =>
    world({ token: [{ status: 401, json: { error: "invalid_client" } }] }, (it) =>
      Effect.gen(function* () {
        const [, lines] = yield* collectingLogs(Effect.flip(recheck(it)))
        assert.deepStrictEqual(
          lines.filter(({ level }) => level === "Error").map(({ text }) => text),
          ['Google does not take our request (recheck: HTTP 401 "invalid_client", ""). Are client id and secret right?']
        )
        assert.notMatch(JSON.stringify(lines), /refresh-secret|GOCSPX/u)
      })
    )
  )

  it.effect("when a code is exchanged, says that the sign-in is stale", () =>
    world({ token: [{ status: 400, json: { error: "invalid_grant" } }] }, (it) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(complete(it))
        assert.strictEqual(error._tag, "SignInRefused")
        assert.include(error.message, "has expired or was used before")
      })
    )
  )

  it.effect("without an ID token is nobody", () =>
    world({ token: [{ json: { access_token: "a" } }] }, (it) =>
      Effect.gen(function* () {
        assert.include((yield* Effect.flip(complete(it))).message, "did not say who you are")
      })
    )
  )
})
