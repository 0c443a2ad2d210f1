/** What a reload would do to a running proxy: asked of it, for its environment may be another than ours. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import { AdminApi, type ReloadReport } from "../http/AdminApi.ts"
import * as Output from "./Output.ts"
import { NoProxy } from "./status.ts"

/** The running proxy would refuse the file, or will not say. */
export class NotReloadable extends Schema.TaggedError<NotReloadable>()("NotReloadable", { reason: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 1
  override get message(): string {
    return this.reason
  }
}

/** Asks the proxy at this address; without the path of an endpoint. */
export const ask = (
  url: string,
  token: Option.Option<Redacted.Redacted<string>>
): Effect.Effect<ReloadReport, NoProxy | NotReloadable> =>
  Effect.gen(function* () {
    const authorize = Option.match(token, {
      onNone: () => (request: HttpClientRequest.HttpClientRequest) => request,
      onSome: (value) => HttpClientRequest.bearerToken(Redacted.value(value))
    })
    const client = yield* HttpApiClient.make(AdminApi, {
      transformClient: HttpClient.mapRequest((request) => authorize(HttpClientRequest.prependUrl(request, url)))
    })
    return yield* client.reload({ query: { dryRun: "true" } })
  }).pipe(
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.fail(new NoProxy({ url, reason: "no answer within 10 s" }))
    }),
    Effect.mapError((error) => {
      switch (error._tag) {
        case "NoProxy":
          return error
        case "ReloadRefused":
        case "NothingToReload":
          return new NotReloadable({ reason: error.message })
        case "SignInNeeded":
        case "AdministratorsOnly":
          return new NotReloadable({ reason: `${error.message}. Give an administrator's token with --token` })
        default:
          return new NoProxy({ url, reason: error.message })
      }
    }),
    Effect.provide(NodeHttpClient.layerNodeHttp)
  )

const rows = ({ added, changed, gateway, removed, takesEffectAtRestart, unchanged }: ReloadReport) => [
  ...added.map((server) => [Output.paint("+", "green"), server, "is started"]),
  ...removed.map((server) => [Output.paint("-", "red"), server, "is stopped once its calls have ended"]),
  ...changed.map(({ isRebuilt, server, settings }) => [
    Output.paint("~", "yellow"),
    server,
    `${isRebuilt ? "is changed over to a new connection" : "is shown differently; its connection stays"}: ${settings.join(", ")}`
  ]),
  ...unchanged.map((server) => ["=", server, "stays as it is"]),
  ...gateway.map((key) => [Output.paint("~", "yellow"), `gateway.${key}`, ""]),
  ...takesEffectAtRestart.map((name) => [Output.paint("!", "yellow"), name, "takes effect at restart"])
]

/** As a person reads it. */
export const show = (report: ReloadReport): string => `${report.path}: ${report.summary}\n${Output.table(rows(report))}`
