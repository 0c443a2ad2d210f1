/** Whom an access token is believed, how fast, and until when. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { generateKeyPairSync } from "node:crypto"
import { exportSPKI, SignJWT, type JWTPayload, UnsecuredJWT } from "jose"
import * as PublicUrl from "../../../src/auth/PublicUrl.ts"
import { AccessTokens, layer as tokensLayer, PURPOSE } from "../../../src/auth/server/AccessTokens.ts"
import { layer as revocationsLayer, Revocations } from "../../../src/auth/server/Revocations.ts"
import { RootKey } from "../../../src/keys/RootKey.ts"
import * as SigningKeys from "../../../src/keys/SigningKeys.ts"
import { layerMemory } from "../../../src/storage/Store.ts"

const url = PublicUrl.make("https://mcp.example.com", "")

const under = (key: Layer.Layer<RootKey>) =>
  tokensLayer(url).pipe(
    Layer.provideMerge(revocationsLayer(Duration.hours(1))),
    Layer.provideMerge(Layer.merge(layerMemory, key))
  )

const test = (name: string, effect: () => Effect.Effect<void, unknown, AccessTokens | Revocations | RootKey>) =>
  it.effect(name, () => Effect.provide(effect(), under(RootKey.layerRandom)))

const CLAIMS: JWTPayload = {
  iss: url.issuer,
  aud: url.resource,
  sub: "google:ann",
  email: "ann@example.com",
  client_id: "c",
  scope: "mcp",
  jti: "t1",
  gid: "g1",
  exp: 3600
}

const sign = (claims: JWTPayload = CLAIMS, header: object = {}, secret?: Uint8Array) =>
  Effect.gen(function* () {
    const { current } = yield* SigningKeys.derive(PURPOSE)
    return yield* Effect.promise(() =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: current.id, ...header })
        .sign(secret ?? Redacted.value(current.secret))
    )
  })

const verdict = (token: string) =>
  Effect.map(
    Effect.flatMap(AccessTokens, (tokens) => tokens.verify(token)),
    (verified) => (Result.isSuccess(verified) ? "good" : verified.failure)
  )

const without = (name: string): JWTPayload =>
  Object.fromEntries(Object.entries(CLAIMS).filter(([key]) => key !== name)) as JWTPayload

describe("a token", () => {
  test("of ours is believed, from its issue to its expiry", () =>
    Effect.gen(function* () {
      const token = yield* sign()
      assert.strictEqual(yield* verdict(token), "good")
      yield* TestClock.adjust("3599999 millis")
      assert.strictEqual(yield* verdict(token), "good")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* verdict(token), "expired")
      assert.strictEqual(yield* verdict(yield* sign({ ...CLAIMS, jti: "t2" })), "expired")
    }))

  test("of another issuer, of another type, or that leaves anything out is not believed", () =>
    Effect.gen(function* () {
      const wrong = [
        yield* sign({ ...CLAIMS, iss: "https://evil.example" }),
        yield* sign({ ...CLAIMS, iss: `${url.issuer}/` }),
        yield* sign({ ...CLAIMS, aud: [url.resource, "https://evil.example"] }),
        yield* sign(CLAIMS, { typ: "JWT" }),
        yield* sign(CLAIMS, { typ: "id_token+jwt" }),
        yield* sign(CLAIMS, { kid: "unknown" }),
        yield* sign(CLAIMS, { kid: "__proto__" })
      ]
      for (const name of ["iss", "aud", "sub", "email", "client_id", "jti", "exp"])
        wrong.push(yield* sign(without(name)))
      for (const token of wrong) assert.strictEqual(yield* verdict(token), "invalid")
    }))

  test("without a signature, or with a public key taken for the secret, is not believed (alg none, key confusion)", () =>
    Effect.gen(function* () {
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
      const { current } = yield* SigningKeys.derive(PURPOSE)
      const other = yield* SigningKeys.derive("another purpose")
      const pem = new TextEncoder().encode(yield* Effect.promise(() => exportSPKI(publicKey as never)))
      const good = yield* sign()
      const [, payload = ""] = good.split(".")
      const header = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
      const kid = current.id
      for (const token of [
        new UnsecuredJWT(CLAIMS).encode(),
        `${header({ alg: "none", typ: "at+jwt", kid })}.${payload}.`,
        `${header({ alg: "None", typ: "at+jwt", kid })}.${payload}.`,
        `${header({ alg: "HS256", typ: "at+jwt", kid, b64: false, crit: ["b64"] })}.${payload}.x`,
        yield* sign(CLAIMS, {}, pem),
        yield* sign(CLAIMS, {}, new Uint8Array(32)),
        yield* sign(CLAIMS, {}, new TextEncoder().encode(kid.repeat(4))),
        yield* sign(CLAIMS, { kid: other.current.id }, Redacted.value(other.current.secret)),
        yield* sign(CLAIMS, {}, Redacted.value(other.current.secret)),
        yield* sign(CLAIMS, { jwk: { kty: "oct", k: "AAAA" } }, new Uint8Array(32)),
        yield* sign(CLAIMS, { jku: "https://evil.example/jwks" }, new Uint8Array(32))
      ]) {
        assert.strictEqual(yield* verdict(token), "invalid")
      }
      for (const alg of ["HS384", "HS512"]) {
        const secret = new Uint8Array(64).fill(7)
        assert.strictEqual(yield* verdict(yield* sign(CLAIMS, { alg }, secret)), "invalid", alg)
      }
      assert.strictEqual(yield* verdict(good), "good")
    }))

  test("in another spelling is the same token or none: what is taken back is taken back in all of them", () =>
    Effect.gen(function* () {
      const revocations = yield* Revocations
      const token = yield* sign()
      const spellings = [token, `${token}=`, ` ${token}`, `${token}\n`, token.toLowerCase(), `${token}.`]
      assert.strictEqual(yield* verdict(token), "good")
      for (const other of spellings) assert.include(["good", "invalid"], yield* verdict(other))
      yield* revocations.revoke("t1")
      for (const other of spellings) assert.include(["revoked", "invalid"], yield* verdict(other))
    }))

  test("that is taken back is refused with the next request, whether or not it was seen before", () =>
    Effect.gen(function* () {
      const revocations = yield* Revocations
      const seen = yield* sign()
      const sibling = yield* sign({ ...CLAIMS, jti: "t2" })
      const other = yield* sign({ ...CLAIMS, jti: "t3", gid: "g2" })
      assert.strictEqual(yield* verdict(seen), "good")
      yield* revocations.revoke("t1")
      assert.deepStrictEqual([yield* verdict(seen), yield* verdict(sibling)], ["revoked", "good"])
      yield* revocations.revoke("g1")
      assert.deepStrictEqual([yield* verdict(sibling), yield* verdict(other)], ["revoked", "good"])
    }))

  it.effect("of the former key is believed while that is still kept, and not afterwards", () =>
    Effect.gen(function* () {
      const text = (digit: string) => Redacted.make(`0123456789abcdef${digit}`.repeat(4))
      const token = yield* Effect.provide(sign(), Layer.fresh(RootKey.layerText(text("a"))))
      const said = (key: Layer.Layer<RootKey>) => Effect.provide(verdict(token), Layer.fresh(under(Layer.fresh(key))))
      assert.strictEqual(yield* said(RootKey.layerText(text("a"))), "good")
      assert.strictEqual(yield* said(RootKey.layerText(text("b"), [text("a")])), "good")
      assert.strictEqual(yield* said(RootKey.layerText(text("b"))), "invalid")
    })
  )
})
