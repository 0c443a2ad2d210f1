/** Calls to a provider: bounded in time and size, told to the log without any secret. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { logger } from "../../observability/Logging.ts"
import { ProviderUnavailable } from "../IdentityProvider.ts"

const log = logger("auth")

const TIMEOUT = Duration.seconds(10)
const MAX_BODY = 512 * 1024

/** An answer of the provider's: whatever JSON it holds is yet to be believed. */
export interface Answer {
  readonly status: number
  /** None where the body is not JSON. */
  readonly body: Option.Option<unknown>
}

/** `what` names the call for the log; nothing of the request's or answer's content is logged. */
export type Call = (
  what: string,
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<Answer, ProviderUnavailable>

const parseJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const tooLarge = "its answer is larger than anything expected"

const bodyOf = (response: HttpClientResponse.HttpClientResponse) =>
  response.stream.pipe(
    Stream.runFoldEffect(
      () => ({ chunks: [] as Array<Uint8Array>, length: 0 }),
      ({ chunks, length }, chunk) => {
        const total = length + chunk.length
        chunks.push(chunk)
        return total > MAX_BODY ? Effect.fail(tooLarge) : Effect.succeed({ chunks, length: total })
      }
    ),
    Effect.map(({ chunks }) => Buffer.concat(chunks).toString())
  )

/** What went wrong below HTTP, in the platform's words (a name, an address, a code), which hold nothing of the request. */
const describe = (error: HttpClientError.HttpClientError | string): string => {
  if (typeof error === "string") return error
  const { reason } = error
  const cause = "cause" in reason ? reason.cause : undefined
  const { code, message } = (cause ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === "string") return code
  return typeof message === "string" && message !== "" ? message : reason._tag
}

/** Calls in the name of a provider. Redirects are not followed: our secret goes where we sent it. */
export const make = (provider: string): Effect.Effect<Call, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, (client) => {
    const unavailable = (reason: string) => new ProviderUnavailable({ provider, reason })
    const exchange = (request: HttpClientRequest.HttpClientRequest) =>
      client.execute(HttpClientRequest.acceptJson(request)).pipe(
        Effect.flatMap((response) => Effect.map(bodyOf(response), (text) => ({ status: response.status, text }))),
        Effect.mapError((error) => unavailable(describe(error))),
        Effect.timeoutOrElse({
          duration: TIMEOUT,
          orElse: () => Effect.fail(unavailable(`it has not answered within ${Duration.format(TIMEOUT)}`))
        })
      )
    return Effect.fnUntraced(function* (what, request) {
      const started = yield* Clock.currentTimeMillis
      const said = (outcome: string) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          log.debug(`${provider}: ${what}: ${outcome}`, { url: request.url, millis: now - started })
        )
      const { status, text } = yield* exchange(request).pipe(
        Effect.tap(({ status }) => said(`answered ${status}`)),
        Effect.tapError(({ reason }) => said(reason))
      )
      if (status >= 500 || status === 429) return yield* unavailable(`it answered HTTP ${status}`)
      return { status, body: parseJson(text) }
    })
  })
