/** What happens to the connections to servers, as measured from outside. */
import type { Family } from "../observability/Metrics.ts"

export const families = {
  restarts: {
    name: "mcp_proxy_upstream_restarts_total",
    help: "How often connections to each server were lost, or did not come about, and were begun anew.",
    type: "counter",
    labels: ["server"]
  },
  failures: {
    name: "mcp_proxy_upstream_failures_total",
    help: "What was wrong with connections to each server that were lost or did not come about, by class.",
    type: "counter",
    labels: ["server", "class"]
  }
} as const satisfies Record<string, Family>
