/** Everything behind sign-in, from the identity provider to the gate of the MCP endpoint. */
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as PolicyRecords from "../access/PolicyRecords.ts"
import * as Account from "./Account.ts"
import * as Consents from "./Consents.ts"
import * as Flows from "./flow/Flows.ts"
import * as SignIn from "./flow/SignIn.ts"
import * as Gatekeeper from "./Gatekeeper.ts"
import type { PublicUrl } from "./PublicUrl.ts"
import * as RequestRate from "./RequestRate.ts"
import * as ServerLayer from "./server/ServerLayer.ts"

export interface Options {
  readonly url: PublicUrl
  readonly accessTokenLifetime: Duration.Duration
  readonly refreshTokenLifetime: Duration.Duration
}

/** Needs a provider, machine credentials and a policy; keeps what outlives the process in the Store, sealed. */
export const layer = (options: Options) =>
  Layer.mergeAll(
    SignIn.layer(options.url),
    Account.layer,
    Gatekeeper.layer(options.url),
    RequestRate.layer,
    PolicyRecords.layer
  ).pipe(Layer.provideMerge(Layer.merge(Consents.layer, Flows.layer)), Layer.provideMerge(ServerLayer.layer(options)))
