/** What happens to the connections to servers, as measured from outside. */
import type { Family } from "../observability/Metrics.ts"

export const families = {
  restarts: {
    name: "mcp_proxy_upstream_restarts_total",
    help: "How often connections to each server were lost, or did not come about, and were begun anew.",
    type: "counter",
    labels: ["server"]
  }
} as const satisfies Record<string, Family>
