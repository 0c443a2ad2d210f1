/** What administrators may have the proxy do. */
import * as Schema from "effect/Schema"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"

/** What a reload did, or would do. Settings are named; their values are not told. */
export const ReloadReport = Schema.Struct({
  path: Schema.String,
  added: Schema.Array(Schema.String),
  removed: Schema.Array(Schema.String),
  changed: Schema.Array(
    Schema.Struct({ server: Schema.String, settings: Schema.Array(Schema.String), isRebuilt: Schema.Boolean })
  ),
  unchanged: Schema.Array(Schema.String),
  gateway: Schema.Array(Schema.String),
  /** Settings of the proxy itself that have changed. */
  takesEffectAtRestart: Schema.Array(Schema.String),
  /** All of it in words. */
  summary: Schema.String
})
export type ReloadReport = typeof ReloadReport.Type

/** The file cannot be used; what was in force stays in force. */
export class ReloadRefused extends Schema.TaggedError<ReloadRefused>()("ReloadRefused", {
  path: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}

/** Nobody who may. */
export class AdministratorsOnly extends Schema.TaggedError<AdministratorsOnly>()("AdministratorsOnly", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/** The same, of nobody who is known. */
export class SignInNeeded extends Schema.TaggedError<SignInNeeded>()("SignInNeeded", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/** The configuration of this gateway is given by the program that it is part of. */
export class NothingToReload extends Schema.TaggedError<NothingToReload>()("NothingToReload", {}) {
  override get message(): string {
    return "This proxy has no configuration file to read again"
  }
}

export class AdminGroup extends HttpApiGroup.make("admin", { topLevel: true }).add(
  HttpApiEndpoint.post("reload", "/admin/reload", {
    /** `dryRun=true` says what would be done, and does nothing. */
    query: { dryRun: Schema.optionalKey(Schema.Literals(["true", "false"])) },
    success: ReloadReport,
    error: [
      SignInNeeded.pipe(HttpApiSchema.status(401)),
      AdministratorsOnly.pipe(HttpApiSchema.status(403)),
      NothingToReload.pipe(HttpApiSchema.status(404)),
      ReloadRefused.pipe(HttpApiSchema.status(422))
    ]
  })
) {}

export class AdminApi extends HttpApi.make("administration").add(AdminGroup) {}
