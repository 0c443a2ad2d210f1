/**
 * The way to an OpenTelemetry collector for one kind of telemetry. Whatever the collector does, it takes no more than so many
 * requests and so much time, and its trouble is said once, and once more when it is over.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import { logger } from "./Logging.ts"

const log = logger("main")

export type Signal = "traces" | "metrics" | "logs"

/** More than are under way while the collector answers. */
const MAX_IN_FLIGHT = 2

const failed = (request: HttpClientRequest.HttpClientRequest, description: string) =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, description }) })

/** A failure after which the exporters do not try again. */
const final = (request: HttpClientRequest.HttpClientRequest) =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.EncodeError({ request, description: "given up" }) })

/** What is wrong, without the address: it may bear credentials. */
const reasonOf = ({ reason }: HttpClientError.HttpClientError): string => {
  if (reason._tag === "StatusCodeError") return `HTTP ${reason.response.status}`
  const { cause } = reason
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined
  return reason.description ?? code ?? reason._tag
}

export interface Options {
  readonly signal: Signal
  readonly url: URL
  /** How long it may take over one request. */
  readonly timeout: Duration.Duration
  /** Done when it has been waited for in vain at the end of the program: nothing more is tried, and nothing waited for. */
  readonly givenUp: Deferred.Deferred<void>
}

export const make = (
  client: HttpClient.HttpClient,
  { givenUp, signal, timeout, url }: Options
): HttpClient.HttpClient => {
  let inFlight = 0
  let isFailing = false

  const heed = (trouble: string | undefined): Effect.Effect<void> => {
    if (isFailing === (trouble !== undefined)) return Effect.void
    isFailing = trouble !== undefined
    const who = `The OpenTelemetry collector at ${url.origin}`
    return trouble === undefined
      ? log.info(`${who} takes ${signal} again`)
      : log.warning(
          `${who} does not take ${signal}: ${trouble}. Calls go on as ever; what does not fit into memory is lost (OTEL_EXPORTER_OTLP_ENDPOINT)`
        )
  }

  return HttpClient.transform(client, (exchange, request) =>
    Effect.suspend(() => {
      if (Deferred.isDoneUnsafe(givenUp)) return Effect.fail(final(request))
      if (inFlight >= MAX_IN_FLIGHT) return Effect.fail(failed(request, "it does not answer"))
      inFlight++
      return exchange.pipe(
        // The whole answer, or what it is made of stays open.
        Effect.tap((response) => Effect.ignore(response.arrayBuffer)),
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.fail(failed(request, `no answer within ${Duration.format(timeout)}`))
        }),
        Effect.raceFirst(Effect.andThen(Deferred.await(givenUp), Effect.fail(final(request)))),
        Effect.tap(({ status }) => heed(status < 400 ? undefined : `HTTP ${status}`)),
        Effect.tapError((error) => heed(reasonOf(error))),
        Effect.ensuring(
          Effect.sync(() => {
            inFlight--
          })
        )
      )
    })
  )
}
