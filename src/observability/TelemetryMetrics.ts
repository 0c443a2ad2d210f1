/** How the export of traces is doing, as measured from outside. */
import type { Family } from "./Metrics.ts"

export const families = {
  spans: {
    name: "mcp_proxy_spans_total",
    help: "Spans of kept traces: those that the collector has, and those that were dropped. Only where traces are exported.",
    type: "counter",
    labels: ["outcome"]
  }
} as const satisfies Record<string, Family>
