/** How the audit trail is doing, as measured from outside. */
import type { Family } from "../observability/Metrics.ts"

export const families = {
  records: {
    name: "mcp_proxy_audit_records_total",
    help: "Records that the audit trail was given, lost ones among them.",
    type: "counter",
    labels: []
  },
  waiting: {
    name: "mcp_proxy_audit_waiting_records",
    help: "Audit records that are not on disk yet.",
    type: "gauge",
    labels: []
  },
  lost: {
    name: "mcp_proxy_audit_lost_records_total",
    help: "Audit records that were lost: the queue was full, or the disk would not take them.",
    type: "counter",
    labels: []
  }
} as const satisfies Record<string, Family>
