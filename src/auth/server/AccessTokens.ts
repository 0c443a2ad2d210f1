/** Verifying the access tokens that this proxy issued (RFC 9068). */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { createSecretKey } from "node:crypto"
import { jwtVerify } from "jose"
import type { Principal } from "../../domain/Principal.ts"
import { Subject } from "../../domain/ServerId.ts"
import { RootKey } from "../../keys/RootKey.ts"
import * as SigningKeys from "../../keys/SigningKeys.ts"
import { expose, type Sample } from "../../observability/Metrics.ts"
import * as AuthMetrics from "../AuthMetrics.ts"
import { digestText } from "../Digests.ts"
import type { PublicUrl } from "../PublicUrl.ts"
import { principalOf } from "./Accounts.ts"
import { Revocations } from "./Revocations.ts"

/** What the keys that sign them are derived for. */
export const PURPOSE = "access tokens"

/** What a token of ours says, once it is known to be one. */
const Claims = Schema.Struct({
  sub: Subject,
  aud: Schema.String,
  exp: Schema.Finite,
  jti: Schema.String,
  client_id: Schema.String,
  scope: Schema.optionalKey(Schema.String),
  email: Schema.String,
  hd: Schema.optionalKey(Schema.String),
  /** The grant that it came from. */
  gid: Schema.optionalKey(Schema.String)
})
const decodeClaims = Schema.decodeUnknownResult(Claims)

export interface AccessToken {
  readonly id: string
  readonly principal: Principal
  readonly clientId: string
  /** The resource that it is for. */
  readonly audience: string
  readonly scopes: ReadonlySet<string>
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly grantId: string | undefined
}

/** Why a token is not to be believed; safe to tell whoever sent it. */
export type TokenRefusal = "expired" | "revoked" | "invalid"

type Verdict = Result.Result<AccessToken, TokenRefusal>

export class AccessTokens extends Context.Service<
  AccessTokens,
  {
    /** A token seen before costs a digest and a look-up. Whether it covers the resource is for the caller to ask. */
    readonly verify: (token: string) => Effect.Effect<Verdict>
  }
>()("mcp-proxy/auth/server/AccessTokens") {}

/** How many verified tokens are remembered. */
const MAX_REMEMBERED = 10_000

/** Longer than any that we issue. */
const MAX_LENGTH = 8192

/** How often tokens were found to be what, those that were known already and others. */
const makeTally = () => {
  const zero = () => ({ ok: 0, expired: 0, revoked: 0, invalid: 0 })
  const counts = { true: zero(), false: zero() }
  return {
    count: (verdict: Verdict, isKnown: boolean): Verdict => {
      counts[isKnown ? "true" : "false"][Result.isSuccess(verdict) ? "ok" : verdict.failure]++
      return verdict
    },
    samples: (): ReadonlyArray<Sample> =>
      Object.entries(counts).flatMap(([cached, numbers]) =>
        Object.entries(numbers).map(([outcome, number]): Sample => [[outcome, cached], number])
      )
  }
}

export const layer = (url: PublicUrl): Layer.Layer<AccessTokens, never, RootKey | Revocations> =>
  Layer.effect(
    AccessTokens,
    Effect.gen(function* () {
      const revocations = yield* Revocations
      const clock = yield* Clock.Clock
      // With the first token: a key that is still being stretched must not hold up the start.
      const root = yield* RootKey
      const keyring = yield* Effect.cached(
        SigningKeys.derive(PURPOSE).pipe(
          Effect.provideService(RootKey, root),
          Effect.map(({ all }) => new Map(all.map(({ id, secret }) => [id, createSecretKey(Redacted.value(secret))])))
        )
      )
      const verified = new Map<string, AccessToken>()
      const tally = makeTally()
      yield* expose(AuthMetrics.families.verifications, tally.samples)

      const read = Effect.fnUntraced(function* (token: string, now: number) {
        const keys = yield* keyring
        return yield* Effect.tryPromise(() =>
          jwtVerify(
            token,
            ({ kid }) => {
              const key = keys.get(kid ?? "")
              if (key === undefined) throw new Error("unknown key")
              return key
            },
            {
              algorithms: ["HS256"],
              typ: "at+jwt",
              issuer: url.issuer,
              requiredClaims: ["exp", "sub", "aud", "jti"],
              currentDate: DateTime.toDateUtc(DateTime.makeUnsafe(now))
            }
          )
        ).pipe(
          Effect.map(({ payload }) => Result.mapError(decodeClaims(payload), (): TokenRefusal => "invalid")),
          Effect.catch(({ cause }) => {
            const isExpired = (cause as { readonly code?: unknown }).code === "ERR_JWT_EXPIRED"
            return Effect.succeed(Result.fail<TokenRefusal>(isExpired ? "expired" : "invalid"))
          })
        )
      })

      const remember = (key: string, token: AccessToken): void => {
        verified.set(key, token)
        const [oldest] = verified.keys()
        if (verified.size > MAX_REMEMBERED && oldest !== undefined) verified.delete(oldest)
      }

      const judge = (token: AccessToken, now: number): Verdict => {
        if (token.expiresAt <= now) return Result.fail("expired")
        const isRevoked =
          revocations.isRevoked(token.id) || (token.grantId !== undefined && revocations.isRevoked(token.grantId))
        return isRevoked ? Result.fail("revoked") : Result.succeed(token)
      }

      const learn = Effect.fnUntraced(function* (token: string, key: string) {
        const now = clock.currentTimeMillisUnsafe()
        const claims = yield* read(token, now)
        if (Result.isFailure(claims)) return tally.count(Result.fail(claims.failure), false)
        const { aud, client_id, email, exp, gid, hd, jti, scope, sub } = claims.success
        const found: AccessToken = {
          id: jti,
          principal: {
            ...principalOf({ subject: sub, email, ...(hd === undefined ? {} : { hostedDomain: hd }) }),
            clientId: client_id,
            ...(gid === undefined ? {} : { grantId: gid })
          },
          clientId: client_id,
          audience: aud,
          scopes: new Set(scope?.split(" ")),
          expiresAt: exp * 1000,
          grantId: gid
        }
        remember(key, found)
        return tally.count(judge(found, now), false)
      })

      return AccessTokens.of({
        verify: (token) => {
          if (token.length > MAX_LENGTH) return Effect.succeed(tally.count(Result.fail("invalid"), false))
          const key = digestText(token)
          const known = verified.get(key)
          if (known === undefined) return learn(token, key)
          return Effect.succeed(tally.count(judge(known, clock.currentTimeMillisUnsafe()), true))
        }
      })
    })
  )
