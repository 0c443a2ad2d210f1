/** What a configuration makes of its servers: the endpoints, the names there, and which tools are left out. */
import * as Equal from "effect/Equal"
import type { GatewayConfig, ServerConfig } from "../domain/ServerConfig.ts"
import type { ServerId } from "../domain/ServerId.ts"
import * as View from "../domain/View.ts"
import { Selection } from "./Selection.ts"

/** The servers of an endpoint that somebody may use, and how they are named there. */
export interface Section {
  readonly servers: ReadonlyArray<ServerId>
  readonly scheme: View.Scheme
}

export interface Offer {
  readonly config: GatewayConfig
  /** Of `/mcp`. */
  readonly merged: Section
  /** Of each server's own endpoint. */
  readonly sections: ReadonlyMap<ServerId, Section>
  readonly selection: Selection
}

const filtersOf = ({ servers }: GatewayConfig): ReadonlyArray<Pick<ServerConfig, "disabledTools" | "enabledTools">> =>
  servers.map(({ disabledTools, enabledTools, id }) => ({ id, disabledTools, enabledTools }))

/** Of the one before it is kept what is still true: selecting anew takes its time. */
export const of = (config: GatewayConfig, before: Offer | undefined): Offer => {
  const servers = config.servers.map(({ id }) => id)
  const merged = { servers, scheme: View.schemeFor(config.naming, servers.length) }
  const isSame =
    before !== undefined &&
    Equal.equals(before.merged.scheme, merged.scheme) &&
    Equal.equals(filtersOf(before.config), filtersOf(config))
  return {
    config,
    merged,
    sections: new Map(servers.map((id) => [id, { servers: [id], scheme: View.plain }])),
    selection: isSame ? before.selection : new Selection(merged.scheme, config.servers)
  }
}
