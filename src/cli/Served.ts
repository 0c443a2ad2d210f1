/** What is served, and who may ask for it: with sign-in, or without. */
import * as Layer from "effect/Layer"
import * as Gatekeeper from "../auth/Gatekeeper.ts"
import type { IdentityProvider } from "../auth/IdentityProvider.ts"
import * as MachineCredentials from "../auth/MachineCredentials.ts"
import * as PublicUrl from "../auth/PublicUrl.ts"
import * as SignInServices from "../auth/SignInServices.ts"
import type { AddressOptions } from "../http/Address.ts"
import * as Routes from "../http/Routes.ts"
import * as Server from "../http/Server.ts"
import type { AllSettings } from "./AllSettings.ts"

const open = ({ http }: AllSettings) =>
  Server.layer(http, Layer.empty).pipe(Layer.provide(Gatekeeper.Gatekeeper.layerOpen))

const signIn = (
  { auth, http, machines }: AllSettings,
  address: AddressOptions,
  provider: Layer.Layer<IdentityProvider>
) => {
  const url = PublicUrl.make(address.baseUrl, address.pathPrefix)
  const services = SignInServices.layer({
    url,
    accessTokenLifetime: auth.accessTokenTtl,
    refreshTokenLifetime: auth.refreshTokenTtl
  })
  return Server.layer(http, Routes.signIn(url)).pipe(
    Layer.provide(services),
    Layer.provide(Layer.merge(provider, MachineCredentials.MachineCredentials.layer(machines)))
  )
}

/** The server, and who signs people in; undefined: nobody, everyone may come. */
export const layer = (
  settings: AllSettings,
  address: AddressOptions,
  provider: Layer.Layer<IdentityProvider> | undefined
) => (provider === undefined ? open(settings) : signIn(settings, address, provider))
