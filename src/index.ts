/**
 * The gateway for programs of their own: services and layers to put into another Effect program.
 *
 * `Gateway.layer(config)` runs the servers and stands before them; `Routes.layer` puts it on a router. Both take their
 * surroundings (platform, key, store, policy, address) as requirements, so that the embedding program decides them.
 */

/** The failures that a gateway answers with. */
export * as Errors from "./domain/Errors.ts"
/** Configurations: `GatewayConfig` and what is in one. */
export { type GatewayConfig, makeServer, type ServerConfig, type Transport } from "./domain/ServerConfig.ts"
export { ServerId, SessionKey, Subject } from "./domain/ServerId.ts"
export { anonymous, type Principal } from "./domain/Principal.ts"
export type { Caller, Isolation, Lane } from "./domain/Lane.ts"
export type { UpstreamStatus } from "./domain/UpstreamStatus.ts"
/** Reading an mcp_config.json. */
export * as ConfigFile from "./config/ConfigFile.ts"
/** Who may use what: the policy of a users.json, one of your own rules, or none. */
export * as AccessPolicy from "./access/AccessPolicy.ts"
/** Who did what: the service, and its layer on disk. */
export * as Audit from "./access/Audit.ts"
export * as AuditTrail from "./access/AuditTrail.ts"
export * as Permissions from "./domain/Permissions.ts"
export type { AccessRules } from "./domain/AccessRules.ts"
/** The one secret, and what is sealed with it. */
export { RootKey } from "./keys/RootKey.ts"
/** What should live for ever in here, and what becomes of a program of which a part does not: `Vital.untilLost`. */
export * as Vital from "./observability/Vital.ts"
/** Small durable state: the service, and its layers in memory and on SQLite. */
export * as Store from "./storage/Store.ts"
export * as SqliteStore from "./storage/SqliteStore.ts"
/** One supervised connection to one server. */
export { type Peer, Upstream, type UpstreamError, type UpstreamEvent, type UpstreamState } from "./upstream/Upstream.ts"
/** What the servers were found to speak; over a `Store`. */
export { EraVerdicts } from "./upstream/EraVerdicts.ts"
export { Restraint } from "./upstream/Restraint.ts"
export * as Supervisor from "./upstream/Supervisor.ts"
export { HttpAgent } from "./upstream/HttpAgent.ts"
export { Reaper } from "./upstream/Reaper.ts"
/** All servers, and what is seen of them. */
export * as Fleet from "./fleet/Fleet.ts"
export * as Catalog from "./fleet/Catalog.ts"
/** Sessions and calls. */
export * as Gateway from "./gateway/Gateway.ts"
export { Behaviour } from "./gateway/Behaviour.ts"
export { Proxy } from "./gateway/Proxy.ts"
export { SessionBounds, Sessions } from "./gateway/Sessions.ts"
/** How much there may be of anything: references with defaults, in place of which others may be provided. */
export * as Bounds from "./upstream/Bounds.ts"
export { ByteBudget } from "./domain/ByteBudget.ts"
export { PerOwner } from "./gateway/Limits.ts"
export { StreamBounds } from "./gateway/EventLogs.ts"
/** Sign-in: who is calling, who says so, and the authorization server between them. */
export { Gatekeeper } from "./auth/Gatekeeper.ts"
export {
  type Identity,
  IdentityProvider,
  ProviderUnavailable,
  type SignedIn,
  SignInRefused
} from "./auth/IdentityProvider.ts"
export { MachineCredentials } from "./auth/MachineCredentials.ts"
export * as PublicUrl from "./auth/PublicUrl.ts"
export * as SignInServices from "./auth/SignInServices.ts"
/** The HTTP side. */
export { Address, type AddressOptions } from "./http/Address.ts"
export { Draining } from "./http/Draining.ts"
export { Rate } from "./http/OwnerRate.ts"
export * as SlowReaders from "./http/SlowReaders.ts"
export * as Routes from "./http/Routes.ts"
/** What is measured, for `/metrics` and Effect's exporters: provide `Metrics.layer` to the gateway and its routes. */
export * as Metrics from "./observability/Metrics.ts"
