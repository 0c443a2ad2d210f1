/** Google as the provider: its addresses are constants of this program, which no setting moves. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { IdentityProvider } from "../IdentityProvider.ts"
import type { Endpoints } from "./Endpoints.ts"
import * as OpenId from "./OpenId.ts"

/** Who somebody is, and nothing else of what Google knows. */
export const SCOPES: ReadonlyArray<string> = [
  "openid",
  "https://www.googleapis.com/auth/userinfo.email",
  "https://www.googleapis.com/auth/userinfo.profile"
]

/** A program of its own, such as a test, may put a stand-in here. */
export const GoogleEndpoints = Context.Reference<Endpoints>("mcp-proxy/auth/GoogleEndpoints", {
  defaultValue: () => ({
    issuers: ["https://accounts.google.com", "accounts.google.com"],
    authorization: "https://accounts.google.com/o/oauth2/v2/auth",
    token: "https://oauth2.googleapis.com/token",
    jwks: "https://www.googleapis.com/oauth2/v3/certs",
    userinfo: Option.none(),
    authentication: "post",
    namesIssuer: false,
    scopes: SCOPES
  })
})

export const layer = (client: { readonly clientId: string; readonly clientSecret: Redacted.Redacted<string> }) =>
  Layer.effect(
    IdentityProvider,
    Effect.flatMap(GoogleEndpoints, (endpoints) =>
      OpenId.make({
        ...client,
        provider: "Google",
        prefix: "google",
        vouchesForDomains: true,
        endpoints: Effect.succeed(endpoints),
        // Without it Google gives no refresh token, with which accounts are rechecked.
        parameters: { access_type: "offline" }
      })
    )
  )
