/** How the servers are doing, as measured from outside. */
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { UpstreamStatus } from "../domain/UpstreamStatus.ts"
import type { Family, Sample } from "../observability/Metrics.ts"
import type { Upstream } from "../upstream/Upstream.ts"

export const families = {
  status: {
    name: "mcp_proxy_upstream_status",
    help: "The state of each server: 1 for the one that it is in, 0 for the others.",
    type: "gauge",
    labels: ["server", "status"]
  },
  lanes: {
    name: "mcp_proxy_lanes",
    help: "Open connections to each server, the shared one among them.",
    type: "gauge",
    labels: ["server"]
  }
} as const satisfies Record<string, Family>

const STATUSES: Readonly<Record<UpstreamStatus["_tag"], string>> = {
  Starting: "starting",
  Ready: "ready",
  BackingOff: "backing_off",
  Failed: "failed",
  Stopped: "stopped"
}

type Upstreams = ReadonlyArray<Upstream["Service"]>

/** One series for each state of each server. */
export const statuses = (upstreams: Upstreams): ReadonlyArray<Sample> =>
  upstreams.flatMap(({ config, state }) => {
    const { status } = SubscriptionRef.getUnsafe(state)
    return Object.entries(STATUSES).map(([tag, label]): Sample => [[config.id, label], status._tag === tag ? 1 : 0])
  })

/** How many connections there are to each server. */
export const lanes = (upstreams: Upstreams): ReadonlyArray<Sample> =>
  [...Map.groupBy(upstreams, ({ config }) => config.id)].map(([server, open]): Sample => [[server], open.length])
