/** A client of a running proxy, or of any other Streamable HTTP server. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Lane from "../domain/Lane.ts"
import { makeServer, type ServerConfig } from "../domain/ServerConfig.ts"
import { ServerId, SessionKey } from "../domain/ServerId.ts"
import * as Connection from "../upstream/Connection.ts"
import { encodeRequest } from "../upstream/Message.ts"
import * as Rpc from "../upstream/Rpc.ts"
import type { AllSettings } from "./AllSettings.ts"
import { type Client, parse, RequestFailed, resultOf } from "./Client.ts"
import * as Host from "./Host.ts"

const SILENCE = Duration.minutes(5)

const UNSIGNED =
  "it asks who is calling (HTTP 401). Give an access token, or a machine credential of its MCP_API_KEYS, with --token"

const serverAt = (url: string, token: Redacted.Redacted<string> | undefined): ServerConfig =>
  makeServer({
    id: ServerId.make(url),
    transport: {
      _tag: "Http",
      url,
      headers: token === undefined ? {} : { authorization: Redacted.make(`Bearer ${Redacted.value(token)}`) }
    },
    era: "legacy",
    isolation: "shared",
    startTimeout: Duration.seconds(30),
    restart: false
  })

const nobody = () => Effect.succeed(Rpc.unanswerable("Nobody can be asked on a command line"))

/** A session with the server at this address, which ends with the scope. */
const connect = Effect.fnUntraced(function* (url: string, token: Redacted.Redacted<string> | undefined) {
  const failed = (method: string, reason: string) => new RequestFailed({ method, reason: `${url}: ${reason}` })
  const server = serverAt(url, token)
  const unrelated: Rpc.Unrelated = { notification: () => {}, ask: nobody, fault: () => {} }
  const { rpc } = yield* Connection.open({
    config: server,
    lane: Lane.shared,
    unrelated,
    era: "legacy",
    endedAgain: () => {}
  }).pipe(
    Effect.timeoutOrElse({
      duration: server.startTimeout,
      orElse: () => Effect.fail({ message: `no answer within ${Duration.format(server.startTimeout)}` })
    }),
    Effect.mapError(({ message }) =>
      failed("initialize", token === undefined && message.includes("HTTP 401") ? UNSIGNED : message)
    )
  )
  const client: Client = {
    request: (method, params, heard = () => {}) =>
      rpc
        .request((id) => encodeRequest(method, { ...params, _meta: { progressToken: id } })(id), {
          session: SessionKey.make("command line"),
          notify: ({ bytes }) => heard(parse(bytes)),
          ask: nobody,
          polling: () => {}
        })
        .pipe(
          Effect.mapError((error) =>
            failed(method, error._tag === "Silent" ? `no answer within ${Duration.format(SILENCE)}` : error.message)
          ),
          Effect.flatMap(({ bytes }) => resultOf(method, parse(bytes)))
        )
  }
  return client
})

/** Runs with a client of the server at this address. */
export const use = <A, E, R>(
  settings: AllSettings,
  url: string,
  token: Option.Option<Redacted.Redacted<string>>,
  run: (client: Client) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(
    Effect.provide(
      Effect.flatMap(connect(url, Option.getOrUndefined(token)), run),
      Host.platform(settings, Duration.zero)
    )
  )
