/** What is measured, by room: what docs/observability.md lists. */
import * as AuditMetrics from "../access/AuditMetrics.ts"
import * as AuthMetrics from "../auth/AuthMetrics.ts"
import * as FleetMetrics from "../fleet/FleetMetrics.ts"
import * as CallMetrics from "../gateway/CallMetrics.ts"
import * as GatewayMetrics from "../gateway/GatewayMetrics.ts"
import type { Family } from "../observability/Metrics.ts"
import * as ProcessMetrics from "../observability/ProcessMetrics.ts"
import * as TelemetryMetrics from "../observability/TelemetryMetrics.ts"
import * as UpstreamMetrics from "../upstream/UpstreamMetrics.ts"

/** In the order in which they are documented. */
export const families: ReadonlyArray<Family> = [
  CallMetrics.families,
  FleetMetrics.families,
  UpstreamMetrics.families,
  GatewayMetrics.families,
  AuthMetrics.families,
  AuditMetrics.families,
  TelemetryMetrics.families,
  ProcessMetrics.families
].flatMap((room) => Object.values<Family>(room))
