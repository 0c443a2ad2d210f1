/** How the servers are doing, as measured from outside. */
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { UpstreamStatus } from "../domain/UpstreamStatus.ts"
import type { Family, Sample } from "../observability/Metrics.ts"
import type { Deployment } from "./Deployment.ts"

export const families = {
  status: {
    name: "mcp_proxy_upstream_status",
    help: "The state of each server: 1 for the one that it is in, 0 for the others.",
    type: "gauge",
    labels: ["server", "status"]
  },
  circuit: {
    name: "mcp_proxy_upstream_circuit",
    help: "The circuit breaker of each server: 1 for the state that it is in, 0 for the others.",
    type: "gauge",
    labels: ["server", "state"]
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

type Deployments = ReadonlyArray<Pick<Deployment, "config" | "shared" | "lanes">>

/** One series for each state of each server. */
export const statuses = (deployments: Deployments): ReadonlyArray<Sample> =>
  deployments.flatMap(({ config, shared }) => {
    const { status } = SubscriptionRef.getUnsafe(shared.state)
    return Object.entries(STATUSES).map(([tag, label]): Sample => [[config.id, label], status._tag === tag ? 1 : 0])
  })

const CIRCUITS = { closed: "closed", open: "open", "half-open": "half_open" } as const

/** One series for each state of each server's circuit breaker; `now` in epoch milliseconds. */
export const circuits = (deployments: Deployments, now: number): ReadonlyArray<Sample> =>
  deployments.flatMap(({ config, shared }) => {
    const circuit = CIRCUITS[shared.restraint.circuitAt(now)]
    return Object.values(CIRCUITS).map((state): Sample => [[config.id, state], state === circuit ? 1 : 0])
  })

/** How many connections there are to each server, those to its former configuration among them. */
export const lanes = (deployments: Deployments): ReadonlyArray<Sample> =>
  [...Map.groupBy(deployments, ({ config }) => config.id)].map(([server, all]): Sample => {
    const count = all.reduce((sum, { lanes }) => sum + 1 + lanes(), 0)
    return [[server], count]
  })
