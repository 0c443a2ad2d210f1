/** `/register`, `/token`, `/revoke`: what clients ask of the authorization server without a person. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { PublicUrl } from "../auth/PublicUrl.ts"
import { type Asked, RequestRate } from "../auth/RequestRate.ts"
import { AuthorizationServer, type EndpointAnswer } from "../auth/server/AuthorizationServer.ts"
import { logger } from "../observability/Logging.ts"
import * as OpenCors from "./OpenCors.ts"
import * as SmallBody from "./SmallBody.ts"
import * as Prefix from "./Prefix.ts"

const log = logger("auth")

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** An error as OAuth has it (RFC 6749 §5.2). */
const oauthError = (
  status: number,
  error: string,
  description: string,
  headers: Record<string, string> = {}
): Response =>
  HttpServerResponse.text(JSON.stringify({ error, error_description: description }), {
    status,
    contentType: "application/json",
    headers: { ...OpenCors.HEADERS, "cache-control": "no-store", ...headers }
  })

const respond = ({ body, headers, status }: EndpointAnswer): Response =>
  HttpServerResponse.text(body, {
    status,
    headers: { "cache-control": "no-store", ...headers, ...OpenCors.HEADERS }
  })

const isForm = (request: Request): boolean =>
  /^application\/x-www-form-urlencoded\s*(?:;|$)/iu.test(request.headers["content-type"] ?? "")

const parseJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

export const layer = (url: PublicUrl) =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      const rate = yield* RequestRate
      const below = Prefix.below(router, url.pathPrefix)

      const endpoint = (
        asked: Asked,
        operation: string,
        answer: (request: Request, body: string) => Effect.Effect<Response, { readonly message: string }>
      ) =>
        Effect.fnUntraced(function* (request: Request) {
          if (request.method === "OPTIONS") return OpenCors.preflight("POST, OPTIONS")
          if (request.method !== "POST") {
            return oauthError(405, "invalid_request", `${operation} is asked by POST`, { allow: "POST, OPTIONS" })
          }
          const wait = yield* rate.exceeded(
            asked,
            Option.getOrElse(request.remoteAddress, () => "")
          )
          if (Option.isSome(wait)) {
            const seconds = String(Math.max(1, Math.ceil(Duration.toSeconds(wait.value))))
            return oauthError(429, "temporarily_unavailable", `Too many requests; try again in ${seconds} s`, {
              "retry-after": seconds
            })
          }
          const body = yield* SmallBody.read(request)
          if (Option.isNone(body)) {
            return oauthError(413, "invalid_request", "The body is too large, or did not arrive", SmallBody.UNREAD)
          }
          return yield* answer(request, body.value).pipe(
            Effect.tap((response) => log.debug(`${operation}: HTTP ${response.status}`)),
            Effect.catch((error) =>
              Effect.as(
                log.error(error.message, {}),
                oauthError(500, "server_error", "The server failed; its log says more")
              )
            )
          )
        })

      const form = (
        operation: string,
        run: (request: { authorization: string | undefined; body: string }) => ReturnType<typeof server.token>
      ) =>
        endpoint("token", operation, (request, body) =>
          isForm(request)
            ? Effect.map(run({ authorization: request.headers["authorization"], body }), respond)
            : Effect.succeed(
                oauthError(400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded")
              )
        )

      const register = endpoint("register", "Registration", (_, body) => {
        const parsed = parseJson(body)
        return Result.isFailure(parsed)
          ? Effect.succeed(oauthError(400, "invalid_client_metadata", "The body is not JSON"))
          : Effect.map(server.register(parsed.success), respond)
      })

      yield* below.add("*", "/register", register)
      // Documentation of the predecessor named this path.
      yield* below.add("*", "/dcr", register)
      yield* below.add("*", "/token", form("Token request", server.token))
      yield* below.add("*", "/revoke", form("Revocation", server.revoke))
    })
  )
