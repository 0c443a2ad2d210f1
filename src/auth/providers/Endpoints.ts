/** The addresses of an OpenID provider, and its ways. */
import type * as Option from "effect/Option"

/** Where a provider is. */
export interface Endpoints {
  /** Every spelling of the issuer that its tokens may bear. */
  readonly issuers: ReadonlyArray<string>
  readonly authorization: string
  readonly token: string
  readonly jwks: string
  /** Where to ask for what the ID token does not say. */
  readonly userinfo: Option.Option<string>
  /** How the token endpoint wants to be shown the secret. */
  readonly authentication: "basic" | "post"
  /** Whether every answer to the browser names its issuer (RFC 9207). */
  readonly namesIssuer: boolean
  readonly scopes: ReadonlyArray<string>
}
