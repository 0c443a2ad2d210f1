/** Signing in with a provider found by its issuer, from begin to end, against the certified `oidc-provider`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { IdentityProvider } from "../../src/auth/IdentityProvider.ts"
import * as Oidc from "../../src/auth/providers/Oidc.ts"
import * as Outgoing from "../../src/auth/providers/Outgoing.ts"
import { browse } from "../support/browse.ts"
import { ANN, type Google, startGoogle } from "../support/google.ts"

const CALLBACK = "http://127.0.0.1:9/auth/callback"

const withProvider = <A, E>(test: (there: Google, provider: IdentityProvider["Service"]) => Effect.Effect<A, E>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const there = yield* startGoogle({ redirectUris: [CALLBACK], rotates: true })
      const layer = Oidc.layer({ name: "Example", audience: Option.none(), ...there })
      return yield* Effect.provide(
        Effect.flatMap(IdentityProvider, (provider) => test(there, provider)),
        Layer.provide(layer, Outgoing.layer)
      )
    })
  )

const visit = Effect.fnUntraced(function* (provider: IdentityProvider["Service"], again: boolean) {
  const { memory, url } = yield* provider.begin({ state: "s", redirectUri: CALLBACK, again })
  const { searchParams: query } = yield* browse(url, CALLBACK)
  return yield* provider.complete({ query, redirectUri: CALLBACK, memory })
})

describe("a provider found by its issuer", () => {
  it.live("says who somebody is; an organisation that it names counts for nothing", () =>
    withProvider((there, provider) =>
      Effect.gen(function* () {
        const { identity } = yield* visit(provider, false)
        assert.deepStrictEqual<unknown>(
          { ...identity },
          { subject: `oidc:${new URL(there.issuer).host}:1001`, email: "ann@example.com", name: "Ann Example" }
        )
      })
    )
  )

  it.live("that exchanges refresh tokens is rechecked again and again, until the account is gone", () =>
    withProvider((there, provider) =>
      Effect.gen(function* () {
        let token = Option.getOrThrow((yield* visit(provider, true)).refreshToken)
        for (let round = 0; round < 3; round++) token = Option.getOrThrow(yield* provider.recheck(token))
        yield* there.revoke(ANN)
        assert.strictEqual((yield* Effect.flip(provider.recheck(token)))._tag, "SignInRefused")
      })
    )
  )
})
