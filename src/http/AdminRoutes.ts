/** The routes of administrators. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Challenge from "../auth/Challenge.ts"
import { whoOf } from "../domain/AuditRecord.ts"
import * as ConfigDifference from "../domain/ConfigDifference.ts"
import { anonymous } from "../domain/Principal.ts"
import * as Reload from "../fleet/Reload.ts"
import {
  AdminApi,
  AdministratorsOnly,
  NothingToReload,
  ReloadRefused,
  type ReloadReport,
  SignInNeeded
} from "./AdminApi.ts"
import * as Operator from "./Operator.ts"

const reportOf = (path: string, { difference, overdue }: Extract<Reload.Outcome, { _tag: "Read" }>): ReloadReport => ({
  path,
  ...difference,
  takesEffectAtRestart: overdue,
  summary: ConfigDifference.describe(difference)
})

export const layer = HttpApiBuilder.group(
  AdminApi,
  "admin",
  Effect.fnUntraced(function* (handlers) {
    const { administrator, isOperator } = yield* Operator.make
    const found = yield* Reload.optional

    return handlers.handle(
      "reload",
      Effect.fnUntraced(function* ({ query, request }) {
        const isDry = query.dryRun === "true"
        // To say what would be done tells no more than `/ready` does.
        const verdict =
          isDry && (yield* isOperator(request)) ? Result.succeed(anonymous) : yield* administrator(request)
        if (Result.isFailure(verdict)) {
          const { failure } = verdict
          if (failure._tag === "Other") {
            return yield* new AdministratorsOnly({ reason: "Only administrators may do this" })
          }
          const { challenge, header } = failure.refused
          yield* HttpEffect.appendPreResponseHandler((_, response) =>
            Effect.succeed(HttpServerResponse.setHeader(response, "www-authenticate", header))
          )
          return yield* new SignInNeeded({ reason: Challenge.message(challenge) })
        }
        if (Option.isNone(found)) return yield* new NothingToReload()
        const { preview, reload, state } = found.value
        const outcome = yield* isDry ? preview : reload(whoOf(verdict.success))
        const { path } = state()
        if (outcome._tag === "Refused") return yield* new ReloadRefused({ path, problem: outcome.problem })
        return reportOf(path, outcome)
      })
    )
  })
)
