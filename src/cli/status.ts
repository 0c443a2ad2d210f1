/** `status`: how a running proxy is doing. */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Command from "effect/cli/Command"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Catalogue from "../domain/Catalogue.ts"
import { HealthApi, type Readiness } from "../http/HealthApi.ts"
import * as AllSettings from "./AllSettings.ts"
import * as Flags from "./Flags.ts"
import * as Output from "./Output.ts"

/** Nothing, or something else, answers there. */
export class NoProxy extends Schema.TaggedError<NoProxy>()("NoProxy", { url: Schema.String, reason: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 1
  override get message(): string {
    return `No proxy answers at ${this.url} (${this.reason}). Is it running? Name its address with --url.`
  }
}

const ask = Effect.fnUntraced(function* (url: string) {
  const client = yield* HttpApiClient.make(HealthApi, {
    transformClient: HttpClient.mapRequest(HttpClientRequest.prependUrl(url))
  })
  return yield* client.ready().pipe(
    // A proxy that is draining answers with the same report.
    Effect.catch((error) =>
      "servers" in error ? Effect.succeed(error) : Effect.fail(new NoProxy({ url, reason: error.message }))
    ),
    Effect.timeoutOrElse({
      duration: "5 seconds",
      orElse: () => Effect.fail(new NoProxy({ url, reason: "no answer within 5 s" }))
    })
  )
})

/** What is wrong with the audit trail; nothing, if nothing is. */
const troubleOf = ({ audit }: Readiness): string => {
  if (audit === undefined) return ""
  const { fault, lost } = audit
  const parts = [...(lost > 0 ? [`${lost} records are lost`] : []), ...(typeof fault === "string" ? [fault] : [])]
  return parts.length === 0 ? "" : `\n${Output.paint(`Audit trail: ${parts.join("; ")}`, "red")}`
}

/** What of the files is not in force; nothing, if all is. */
const configurationOf = ({ configuration }: Readiness): string => {
  if (configuration === undefined) return ""
  const { problem, takesEffectAtRestart } = configuration
  const refused = problem === null ? [] : [Output.paint(`The file is not in force: ${problem}`, "red")]
  const overdue =
    takesEffectAtRestart.length === 0
      ? []
      : [Output.paint(`Takes effect at restart: ${takesEffectAtRestart.join(", ")}`, "yellow")]
  return [...refused, ...overdue].map((line) => `\n${line}`).join("")
}

const show = (readiness: Readiness): string => {
  const { servers, sessions, status, upstreams = [], version } = readiness
  const head = `mcp-proxy ${version} is ${status}: ${servers.ready} of ${servers.total} servers ready, ${sessions} sessions${troubleOf(readiness)}${configurationOf(readiness)}`
  const rows = upstreams.map((server) => [
    Output.paint("●", Output.statusColour(server.status)),
    server.name,
    server.transport,
    server.isolation,
    server.status === "ready" ? Catalogue.describe(server) : server.detail,
    server.note === null ? "" : Output.paint(server.note, "yellow")
  ])
  return upstreams.length === 0 ? head : `${head}\n${Output.table(rows)}`
}

export const status = Command.make(
  "status",
  {
    url: Flags.address,
    json: Flags.json
  },
  Effect.fnUntraced(function* ({ json, url }) {
    const base = Flags.baseOf(url, yield* AllSettings.load)
    const readiness = yield* Effect.provide(ask(base), NodeHttpClient.layerNodeHttp)
    yield* json ? Output.json(readiness) : Output.print(show(readiness))
  })
).pipe(
  Command.withDescription("Show the servers of a running proxy and how they are"),
  Command.withExamples([{ command: "mcp-proxy-server status", description: "The proxy on this machine" }])
)
