/** The gateway as one layer: everything between a client's message and the servers behind us. */
import * as Layer from "effect/Layer"
import type { GatewayConfig } from "../domain/ServerConfig.ts"
import * as Catalog from "../fleet/Catalog.ts"
import * as Fleet from "../fleet/Fleet.ts"
import { EraVerdicts } from "../upstream/EraVerdicts.ts"
import { EventIds } from "./EventIds.ts"
import { Streams } from "./EventLogs.ts"
import * as Listens from "./Listens.ts"
import * as Limits from "./Limits.ts"
import * as Parking from "./Parking.ts"
import * as Proxy from "./Proxy.ts"
import * as Restoring from "./Restoring.ts"
import { Sessions } from "./Sessions.ts"
import * as Subscriptions from "./Subscriptions.ts"
import * as ViewChanges from "./ViewChanges.ts"

/** All of it, before a fleet that is there already. */
export const overFleet = Layer.mergeAll(Subscriptions.layer, ViewChanges.layer, Restoring.layer).pipe(
  Layer.provideMerge(Layer.merge(Proxy.layer, Listens.layer)),
  Layer.provideMerge(
    Layer.mergeAll(Sessions.layer, Catalog.layer, Streams.layer, EventIds.layer, Parking.layer, Limits.layer)
  )
)

/**
 * Runs the servers of a configuration and stands before them. It cannot fail: a server that is down is a status. It needs
 * a platform to run servers on, a root key to seal with, a store for what outlives the process, and a policy that says who
 * may do what.
 */
export const layer = (config: GatewayConfig) =>
  overFleet.pipe(Layer.provideMerge(Fleet.layer(config)), Layer.provide(EraVerdicts.layer))
