/** The settings of every room: what `.env.example` and docs/configuration.md list, and what the start reads. */
import type * as Effect from "effect/Effect"
import * as AccessSettings from "../access/AccessSettings.ts"
import * as AuditSettings from "../access/AuditSettings.ts"
import * as Exposure from "../auth/Exposure.ts"
import * as MachineCredentials from "../auth/MachineCredentials.ts"
import * as ProviderSettings from "../auth/ProviderSettings.ts"
import * as ConfigFile from "../config/ConfigFile.ts"
import * as FleetSettings from "../fleet/FleetSettings.ts"
import * as Behaviour from "../gateway/Behaviour.ts"
import * as EventLogs from "../gateway/EventLogs.ts"
import * as Limits from "../gateway/Limits.ts"
import * as Parking from "../gateway/Parking.ts"
import * as Sessions from "../gateway/Sessions.ts"
import * as HttpSettings from "../http/HttpSettings.ts"
import * as OwnerRate from "../http/OwnerRate.ts"
import * as KeySource from "../keys/KeySource.ts"
import * as Logging from "../observability/Logging.ts"
import * as OtelSettings from "../observability/OtelSettings.ts"
import * as Settings from "../settings/Settings.ts"
import * as DataDirectory from "../storage/DataDirectory.ts"
import * as Bounds from "../upstream/Bounds.ts"
import * as RestartPolicy from "../upstream/RestartPolicy.ts"

/** By room, in the order in which they are documented. */
export const groups = {
  config: ConfigFile.settings,
  http: HttpSettings.settings,
  auth: Exposure.settings,
  providers: ProviderSettings.settings,
  machines: MachineCredentials.settings,
  keys: KeySource.settings,
  access: AccessSettings.settings,
  audit: AuditSettings.settings,
  gateway: Behaviour.settings,
  parking: Parking.settings,
  rate: OwnerRate.settings,
  calls: Limits.settings,
  sessions: Sessions.settings,
  streams: EventLogs.settings,
  bounds: Bounds.settings,
  upstream: RestartPolicy.settings,
  fleet: FleetSettings.settings,
  storage: DataDirectory.settings,
  log: Logging.settings,
  otel: OtelSettings.settings
}

/** What they are called. */
export const names: ReadonlyArray<string> = Object.values(groups).flatMap((group) =>
  Object.values(group).map(({ name }) => name)
)

/** All of them, read and checked at once. */
export const load = Settings.load(groups)

export type AllSettings = Effect.Success<typeof load>
