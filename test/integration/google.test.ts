/** Signing in with Google from begin to end, by HTTP, against the certified stand-in. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { decodeJwt, SignJWT, UnsecuredJWT } from "jose"
import { IdentityProvider } from "../../src/auth/IdentityProvider.ts"
import { GoogleEndpoints, layer as googleLayer } from "../../src/auth/providers/Google.ts"
import * as Outgoing from "../../src/auth/providers/Outgoing.ts"
import { browse } from "../support/browse.ts"
import { ANN, BOB, type Forger, type Google, type GoogleOptions, startGoogle } from "../support/google.ts"
import { collectingLogs } from "../support/logged.ts"

const CALLBACK = "http://127.0.0.1:9/auth/callback"

/** Runs with a stand-in, and with the provider that is pointed at it. */
const withGoogle = <A, E>(
  test: (google: Google, provider: IdentityProvider["Service"]) => Effect.Effect<A, E>,
  options: Partial<GoogleOptions> = {}
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const google = yield* startGoogle({ redirectUris: [CALLBACK], ...options })
      const layer = googleLayer({ clientId: google.clientId, clientSecret: google.clientSecret }).pipe(
        Layer.provide(Layer.succeed(GoogleEndpoints, google.endpoints)),
        Layer.provide(Outgoing.layer)
      )
      return yield* Effect.provide(
        Effect.flatMap(IdentityProvider, (provider) => test(google, provider)),
        layer
      )
    })
  )

/** A whole visit: there and back. */
const visit = Effect.fnUntraced(function* (provider: IdentityProvider["Service"], again = false) {
  const { memory, url } = yield* provider.begin({ state: "s-1", redirectUri: CALLBACK, again })
  const { searchParams: query } = yield* browse(url, CALLBACK)
  assert.strictEqual(query.get("state"), "s-1")
  return yield* provider.complete({ query, redirectUri: CALLBACK, memory })
})

describe("a visit to Google", () => {
  it.live("tells who somebody is: a lasting id, the verified e-mail, the name, the organisation", () =>
    withGoogle((google, provider) =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* visit(provider)).identity, {
          subject: "google:1001",
          email: "ann@example.com",
          name: "Ann Example",
          hostedDomain: "example.com"
        } as never)
        yield* google.signIn(BOB)
        assert.deepStrictEqual((yield* visit(provider)).identity, {
          subject: "google:1002",
          email: "bob@gmail.com",
          name: "Bob"
        } as never)
      })
    )
  )

  it.live("brings a refresh token the first time, and afterwards only if asked again", () =>
    withGoogle((_, provider) =>
      Effect.gen(function* () {
        assert.isTrue(Option.isSome((yield* visit(provider)).refreshToken))
        assert.isTrue(Option.isNone((yield* visit(provider)).refreshToken))
        assert.isTrue(Option.isSome((yield* visit(provider, true)).refreshToken))
      })
    )
  )

  it.live("that is cancelled says so in plain words", () =>
    withGoogle((google, provider) =>
      Effect.gen(function* () {
        yield* google.refuse(true)
        const error = yield* Effect.flip(visit(provider))
        assert.strictEqual(error._tag, "SignInRefused")
        assert.strictEqual(error.message, "You were not signed in: Google says that it was not allowed.")
      })
    )
  )

  it.live("is not finished with the memory of another visit, nor twice", () =>
    withGoogle((_, provider) =>
      Effect.gen(function* () {
        const mine = yield* provider.begin({ state: "a", redirectUri: CALLBACK, again: false })
        const other = yield* provider.begin({ state: "b", redirectUri: CALLBACK, again: false })
        const { searchParams: query } = yield* browse(mine.url, CALLBACK)
        const stolen = yield* Effect.flip(provider.complete({ query, redirectUri: CALLBACK, memory: other.memory }))
        assert.strictEqual(stolen._tag, "SignInRefused")
        const back = yield* browse(other.url, CALLBACK)
        const once = { query: back.searchParams, redirectUri: CALLBACK, memory: other.memory }
        yield* provider.complete(once)
        const twice = yield* Effect.flip(provider.complete(once))
        assert.strictEqual(twice._tag, "SignInRefused")
        assert.include(twice.message, "has expired or was used before")
      })
    )
  )

  it.live("of somebody whose e-mail Google has not verified ends there", () =>
    withGoogle(
      (_, provider) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(visit(provider))
          assert.strictEqual(error._tag, "SignInRefused")
          assert.include(error.message, "has not verified your e-mail")
        }),
      { account: { ...BOB, email_verified: false } }
    )
  )
})

describe("an account", () => {
  it.live("that still stands passes the recheck; Google keeps the refresh token as it is", () =>
    withGoogle((_, provider) =>
      Effect.gen(function* () {
        const token = Option.getOrThrow((yield* visit(provider)).refreshToken)
        yield* provider.recheck(token)
        const kept = yield* provider.recheck(token)
        assert.isTrue(Option.isNone(kept) || Redacted.value(kept.value) === Redacted.value(token))
      })
    )
  )

  it.live("that is gone does not", () =>
    withGoogle((google, provider) =>
      Effect.gen(function* () {
        const token = Option.getOrThrow((yield* visit(provider)).refreshToken)
        yield* google.revoke(ANN)
        const error = yield* Effect.flip(provider.recheck(token))
        assert.strictEqual(error._tag, "SignInRefused")
      })
    )
  )

  it.live("is not taken for gone while Google fails", () =>
    withGoogle((google, provider) =>
      Effect.gen(function* () {
        const token = Option.getOrThrow((yield* visit(provider)).refreshToken)
        yield* google.outage("failing")
        const error = yield* Effect.flip(provider.recheck(token))
        assert.strictEqual(error._tag, "ProviderUnavailable")
        assert.strictEqual(error.message, "Google cannot be asked at present: it answered HTTP 503")
        assert.strictEqual((yield* Effect.flip(visit(provider)))._tag, "ProviderUnavailable")
        yield* google.outage("none")
        yield* provider.recheck(token)
      })
    )
  )

  it.live("whose refresh token is exchanged goes on with the new one", () =>
    withGoogle(
      (_, provider) =>
        Effect.gen(function* () {
          const token = Option.getOrThrow((yield* visit(provider)).refreshToken)
          const next = Option.getOrThrow(yield* provider.recheck(token))
          assert.notStrictEqual(Redacted.value(next), Redacted.value(token))
          yield* provider.recheck(next)
          assert.strictEqual((yield* Effect.flip(provider.recheck(token)))._tag, "SignInRefused")
        }),
      { rotates: true }
    )
  )
})

describe("an ID token", () => {
  const resigned =
    (claims: Record<string, unknown>): Forger =>
    (token, key) =>
      new SignJWT({ ...decodeJwt(token), ...claims }).setProtectedHeader({ alg: "RS256", kid: "google-1" }).sign(key)

  const forgeries: ReadonlyArray<readonly [string, Forger]> = [
    ["unsigned", (token) => Promise.resolve(new UnsecuredJWT(decodeJwt(token)).encode())],
    ["of another client", resigned({ aud: "another" })],
    ["of another issuer", resigned({ iss: "https://accounts.example.com" })],
    ["of another visit", resigned({ nonce: "another" })],
    ["for another party", resigned({ azp: "another" })]
  ]

  it.live.each(forgeries)("%s is not believed", ([, forger]) =>
    withGoogle((google, provider) =>
      Effect.gen(function* () {
        yield* google.forge(forger)
        const error = yield* Effect.flip(visit(provider))
        assert.strictEqual(error._tag, "SignInRefused")
        assert.include(error.message, "cannot be trusted")
      })
    )
  )

  it.live("signed anew with what it said before is believed: the forgeries above fail for what they changed", () =>
    withGoogle((google, provider) =>
      Effect.gen(function* () {
        yield* google.forge(resigned({}))
        assert.strictEqual((yield* visit(provider)).identity.email, "ann@example.com")
      })
    )
  )
})

describe("the log", () => {
  it.live("has one line per call at DEBUG, and no secret", () =>
    withGoogle((google, provider) =>
      Effect.gen(function* () {
        const [{ refreshToken }, lines] = yield* collectingLogs(
          Effect.tap(visit(provider), ({ refreshToken }) => provider.recheck(Option.getOrThrow(refreshToken)))
        )
        const said = lines.map(({ level, text }) => `${level} ${text}`)
        assert.deepStrictEqual(said, [
          "Debug Google: a visit begins",
          "Debug Google: code exchange: answered 200",
          "Debug Google: signing keys: answered 200",
          "Debug Google: recheck: answered 200"
        ])
        const whole = JSON.stringify(lines)
        assert.notInclude(whole, Redacted.value(google.clientSecret))
        assert.notInclude(whole, Redacted.value(Option.getOrThrow(refreshToken)))
        assert.notInclude(whole, "code_verifier")
        assert.deepStrictEqual(
          google.calls().map(({ grant, path }) => `${path} ${grant}`.trim()),
          ["/token authorization_code", "/jwks", "/token refresh_token"]
        )
      })
    )
  )
})
