/** What machines may ask about the proxy. */
import * as Schema from "effect/Schema"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { FAILURE_CLASSES } from "../domain/UpstreamFailure.ts"

export const Health = Schema.Struct({
  status: Schema.Literal("healthy"),
  service: Schema.Literal("mcp-proxy")
})

/** One upstream server as an operator sees it. */
export const ServerReport = Schema.Struct({
  name: Schema.String,
  /** What it is for, as the configuration says. */
  description: Schema.NullOr(Schema.String),
  status: Schema.String,
  /** The status with its reason. */
  detail: Schema.String,
  /** The class of what is wrong, whether it keeps the server from being up or from being called. */
  failure: Schema.NullOr(Schema.Literals(FAILURE_CLASSES)),
  /** Open: calls kept failing, so none is made for a while. Half open: one may try. */
  circuit: Schema.Literals(["closed", "open", "half-open"]),
  transport: Schema.String,
  isolation: Schema.String,
  tools: Schema.Finite,
  prompts: Schema.Finite,
  resources: Schema.Finite,
  startMillis: Schema.NullOr(Schema.Finite),
  /** Something to know, with its remedy. */
  note: Schema.NullOr(Schema.String)
})
export type ServerReport = typeof ServerReport.Type

/** How the audit trail is doing. */
export const AuditReport = Schema.Struct({
  /** Records that are not on disk yet. */
  waiting: Schema.optionalKey(Schema.Finite),
  /** Records that were lost since the start. */
  lost: Schema.Finite,
  /** Why the disk takes none at present. */
  fault: Schema.optionalKey(Schema.NullOr(Schema.String))
})

/** Whether what is in the files is in force. */
export const ConfigurationReport = Schema.Struct({
  path: Schema.String,
  /** When what is in force was read, in epoch milliseconds. */
  loadedAt: Schema.Finite,
  /** Why the file, as it was last read, is not in force. */
  problem: Schema.NullOr(Schema.String),
  /** Settings that have changed since the start. */
  takesEffectAtRestart: Schema.Array(Schema.String)
})

export const Readiness = Schema.Struct({
  status: Schema.Literals(["ready", "draining"]),
  service: Schema.Literal("mcp-proxy"),
  version: Schema.String,
  servers: Schema.Struct({
    total: Schema.Finite,
    ready: Schema.Finite,
    starting: Schema.Finite,
    backingOff: Schema.Finite,
    failed: Schema.Finite
  }),
  sessions: Schema.Finite,
  /** In full for callers on this machine and administrators; for others only the number of lost records, if there are any. */
  audit: Schema.optionalKey(AuditReport),
  /** Both for callers on this machine and administrators only. */
  upstreams: Schema.optionalKey(Schema.Array(ServerReport)),
  configuration: Schema.optionalKey(ConfigurationReport)
})
export type Readiness = typeof Readiness.Type

/** The group of both, mounted by HealthRoutes. `ready` answers 503 with the same body while nothing new is taken. */
export class HealthGroup extends HttpApiGroup.make("health", { topLevel: true })
  .add(HttpApiEndpoint.get("health", "/health", { success: Health }))
  .add(
    HttpApiEndpoint.get("ready", "/ready", {
      success: Readiness,
      error: Readiness.pipe(HttpApiSchema.status(503))
    })
  ) {}

export class HealthApi extends HttpApi.make("operations").add(HealthGroup) {}
