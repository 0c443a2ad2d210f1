/** What a provider says of a person in an ID token (OpenID Connect Core, §2 and §3.1.3.7), believed only when proven. */
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { errors, type JWTVerifyGetKey, jwtVerify } from "jose"
import { SignInRefused } from "../IdentityProvider.ts"
import type { JwkSet } from "./JwkSet.ts"

/** Signatures that only the holder of a private key can make. */
const ASYMMETRIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]

/** How far our clock and the provider's may be apart, in seconds. */
const SKEW = 60

/** A token is fetched right before it is read, so an old one is somebody else's, or a clock is wrong. In seconds. */
const MAX_AGE = 600

/** Some providers say "true". */
const Truth = Schema.Union([Schema.Boolean, Schema.Literals(["true", "false"])])

/** What we read of a person; providers say much more. */
export const Claims = Schema.Struct({
  sub: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(255)),
  email: Schema.optionalKey(Schema.String),
  email_verified: Schema.optionalKey(Truth),
  name: Schema.optionalKey(Schema.String),
  hd: Schema.optionalKey(Schema.String)
})
export type Claims = typeof Claims.Type

const Verified = Schema.Struct({
  ...Claims.fields,
  aud: Schema.Union([Schema.String, Schema.Array(Schema.String)]),
  azp: Schema.optionalKey(Schema.String),
  nonce: Schema.optionalKey(Schema.String)
})

const decode = Schema.decodeUnknownOption(Verified)

export interface Expected {
  /** For people. */
  readonly provider: string
  readonly issuers: ReadonlyArray<string>
  readonly clientId: string
  readonly nonce: string
}

const unbelievable = (provider: string, detail: string): SignInRefused =>
  new SignInRefused({ reason: `What ${provider} answered cannot be trusted. Start the sign-in again.`, detail })

/** Times that do not fit nearly always mean that the clock of one machine is wrong. */
const TIMES: ReadonlySet<string> = new Set(["exp", "iat", "nbf"])

const refusal = (provider: string, cause: unknown, now: Date): SignInRefused => {
  const detail = cause instanceof errors.JOSEError ? `ID token: ${cause.message}` : "ID token: cannot be read"
  const isTime =
    (cause instanceof errors.JWTExpired || cause instanceof errors.JWTClaimValidationFailed) &&
    TIMES.has(cause.claim) &&
    cause.reason === "check_failed"
  if (!isTime) return unbelievable(provider, detail)
  return new SignInRefused({
    reason: `The clocks of this server and of ${provider} do not agree, so the sign-in cannot be checked. Tell whoever runs this server.`,
    detail: `${detail}; here it is ${now.toISOString()}, the token is of ${String(cause.payload.iat)}`
  })
}

/** The audience is us alone, or we are whom the token was made for. */
const isForUs = ({ aud, azp }: typeof Verified.Type, clientId: string): boolean =>
  (typeof aud === "string" || aud.length === 1 || azp !== undefined) && (azp === undefined || azp === clientId)

/** The platform's word on why a token is not believed. */
class Unproven extends Data.TaggedError("Unproven")<{ readonly cause: unknown }> {}

/** The claims of a token that the provider made just now, for us, and for this very visit. */
export const verify = Effect.fnUntraced(function* (token: string, keys: JwkSet, expected: Expected) {
  const { clientId, issuers, nonce, provider } = expected
  const now = DateTime.toDateUtc(yield* DateTime.now)
  const attempt = (key: JWTVerifyGetKey) =>
    Effect.tryPromise({
      try: () =>
        jwtVerify(token, key, {
          issuer: [...issuers],
          audience: clientId,
          algorithms: ASYMMETRIC,
          requiredClaims: ["sub", "exp", "iat"],
          clockTolerance: SKEW,
          maxTokenAge: MAX_AGE,
          currentDate: now
        }),
      catch: (cause) => new Unproven({ cause })
    })
  const { payload } = yield* Effect.flatMap(keys.current, attempt).pipe(
    Effect.catchIf(
      (error) => error._tag === "Unproven" && error.cause instanceof errors.JWKSNoMatchingKey,
      () => Effect.flatMap(keys.refreshed, attempt)
    ),
    Effect.catchTag("Unproven", ({ cause }) => Effect.fail(refusal(provider, cause, now)))
  )
  const claims = decode(payload)
  if (Option.isNone(claims)) return yield* unbelievable(provider, "ID token: claims of unexpected types")
  if (!isForUs(claims.value, clientId)) return yield* unbelievable(provider, "ID token: made for another party (azp)")
  if (claims.value.nonce !== nonce) return yield* unbelievable(provider, "ID token: of another visit (nonce)")
  return claims.value as Claims
})
