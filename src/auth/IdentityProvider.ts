/** Who signs people in: Google, another OpenID provider, or the demo's login page. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Subject } from "../domain/ServerId.ts"

/** A person as the provider vouches for them. */
export const Identity = Schema.Struct({
  /** `{provider}:{the provider's own stable id}`. */
  subject: Subject,
  /** Verified by the provider; lower case. */
  email: Schema.String,
  /** For pages to greet with. */
  name: Schema.optionalKey(Schema.String),
  /** The organisation that the account belongs to (Google's `hd`), lower case. */
  hostedDomain: Schema.optionalKey(Schema.String)
})
export type Identity = typeof Identity.Type

/** The person did not sign in, or the provider's answer cannot be believed. `reason` may be shown to the person. */
export class SignInRefused extends Schema.TaggedError<SignInRefused>()("SignInRefused", {
  reason: Schema.String,
  /** What the log may know beyond that; no secrets. */
  detail: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return this.reason
  }
}

/** The provider cannot be reached, or fails. */
export class ProviderUnavailable extends Schema.TaggedError<ProviderUnavailable>()("ProviderUnavailable", {
  provider: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.provider} cannot be asked at present: ${this.reason}`
  }
}

/** A visit to the provider that has been begun. */
export interface Visit {
  /** Where the browser goes. */
  readonly url: string
  /** What `complete` needs of the beginning (PKCE verifier, nonce), to be kept sealed meanwhile. */
  readonly memory: string
}

export interface SignedIn {
  readonly identity: Identity
  /** What `recheck` needs; none where the provider gave none this time. */
  readonly refreshToken: Option.Option<Redacted.Redacted<string>>
}

export class IdentityProvider extends Context.Service<
  IdentityProvider,
  {
    /** For people: "Google". */
    readonly name: string
    /** The person goes to a page of ours and types a name, which nobody proves. */
    readonly isDemo: boolean
    /** Whether accounts are rechecked with a refresh token: then a sign-in that brings none asks for one, once. */
    readonly rechecks: boolean
    readonly begin: (options: {
      readonly state: string
      /** Our callback, exactly as registered at the provider. */
      readonly redirectUri: string
      /** Ask again for everything, so that a refresh token comes back (Google's `prompt=consent`). */
      readonly again: boolean
      /** An e-mail to suggest. */
      readonly loginHint?: string
    }) => Effect.Effect<Visit, ProviderUnavailable>
    /** Takes the query of the callback. `state` has been checked by then. */
    readonly complete: (options: {
      readonly query: URLSearchParams
      readonly redirectUri: string
      readonly memory: string
    }) => Effect.Effect<SignedIn, SignInRefused | ProviderUnavailable>
    /**
     * Does the account still stand? `SignInRefused` if the provider says no. Gives the refresh token to keep from now
     * on, where the provider has exchanged it for another.
     */
    readonly recheck: (
      refreshToken: Redacted.Redacted<string>
    ) => Effect.Effect<Option.Option<Redacted.Redacted<string>>, SignInRefused | ProviderUnavailable>
  }
>()("mcp-proxy/auth/IdentityProvider") {}
