/** Who comes in, as measured from outside. */
import type { Family } from "../observability/Metrics.ts"

export const families = {
  signIns: {
    name: "mcp_proxy_sign_ins_total",
    help: "Sign-ins of people by how they ended; the outcomes are those of the audit trail.",
    type: "counter",
    labels: ["outcome"]
  },
  verifications: {
    name: "mcp_proxy_token_verifications_total",
    help: "Access tokens that were shown, by what they were found to be, and whether they were known already.",
    type: "counter",
    labels: ["outcome", "cached"]
  }
} as const satisfies Record<string, Family>
