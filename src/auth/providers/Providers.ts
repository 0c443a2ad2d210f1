/** The provider that the settings name. */
import type * as Layer from "effect/Layer"
import type * as HttpClient from "effect/http/HttpClient"
import type { IdentityProvider } from "../IdentityProvider.ts"
import type { Provider } from "../ProviderSettings.ts"
import * as Demo from "./Demo.ts"
import * as Google from "./Google.ts"
import * as Oidc from "./Oidc.ts"

export const layer = (provider: Provider): Layer.Layer<IdentityProvider, never, HttpClient.HttpClient> => {
  switch (provider._tag) {
    case "Google":
      return Google.layer(provider)
    case "Oidc":
      return Oidc.layer(provider)
    case "Demo":
      return Demo.layer
  }
}
