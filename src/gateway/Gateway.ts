/** The gateway as one layer: everything between a client's message and the servers behind us. */
import * as Layer from "effect/Layer"
import type { GatewayConfig } from "../domain/ServerConfig.ts"
import * as Catalog from "../fleet/Catalog.ts"
import * as Fleet from "../fleet/Fleet.ts"
import { EventIds } from "./EventIds.ts"
import { Streams } from "./EventLog.ts"
import * as Proxy from "./Proxy.ts"
import { Sessions } from "./Sessions.ts"
import * as Subscriptions from "./Subscriptions.ts"

/**
 * Runs the servers of a configuration and stands before them. It cannot fail: a server that is down is a status. It needs
 * a platform to run servers on, a root key to seal with, a store for what outlives the process, and an audit trail.
 */
export const layer = (config: GatewayConfig) =>
  Subscriptions.layer.pipe(
    Layer.provideMerge(Proxy.layer),
    Layer.provideMerge(Layer.mergeAll(Sessions.layer, Catalog.layer, Streams.layer, EventIds.layer)),
    Layer.provideMerge(Fleet.layer(config))
  )
