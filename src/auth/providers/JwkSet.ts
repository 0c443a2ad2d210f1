/** The keys with which a provider signs, fetched when needed. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose"
import { ProviderUnavailable } from "../IdentityProvider.ts"
import type { Call } from "./ProviderCalls.ts"

/** How long keys are used before they are fetched again. */
const FRESH = Duration.hours(1)

/** Tokens with unknown keys do not make us ask more often than this. */
const PAUSE = Duration.seconds(30)

const KeySet = Schema.Struct({ keys: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)) })

const decode = Schema.decodeUnknownOption(KeySet)

export interface JwkSet {
  readonly current: Effect.Effect<JWTVerifyGetKey, ProviderUnavailable>
  /** Fetched again, for a key was not among the current ones; unless they have just been fetched. */
  readonly refreshed: Effect.Effect<JWTVerifyGetKey, ProviderUnavailable>
}

/** The set at an address. */
export const make = (provider: string, call: Call, address: Effect.Effect<string, ProviderUnavailable>) =>
  Effect.gen(function* () {
    let fetchedAt = Number.NEGATIVE_INFINITY
    const fetch = Effect.gen(function* () {
      const { body, status } = yield* call("signing keys", HttpClientRequest.get(yield* address))
      const unreadable = new ProviderUnavailable({ provider, reason: `its keys cannot be read (HTTP ${status})` })
      const decoded = Option.flatMap(body, decode)
      if (status !== 200 || Option.isNone(decoded)) return yield* unreadable
      const keys = yield* Effect.try({
        try: () => createLocalJWKSet(decoded.value as unknown as JSONWebKeySet),
        catch: () => unreadable
      })
      fetchedAt = yield* Clock.currentTimeMillis
      return keys
    })
    const [current, forget] = yield* Effect.cachedInvalidateWithTTL(fetch, (exit) =>
      Exit.isSuccess(exit) ? FRESH : Duration.zero
    )
    const refreshed = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      if (now - fetchedAt >= Duration.toMillis(PAUSE)) yield* forget
      return yield* current
    })
    return { current, refreshed } satisfies JwkSet as JwkSet
  })
