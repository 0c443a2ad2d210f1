/** `/metrics`: what is measured, for those who may know it. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { createHash, timingSafeEqual } from "node:crypto"
import type { AccessPolicy } from "../access/AccessPolicy.ts"
import { Gatekeeper } from "../auth/Gatekeeper.ts"
import { Metrics, none, text } from "../observability/Metrics.ts"
import { Address } from "./Address.ts"
import * as McpRoutes from "./McpRoutes.ts"
import * as Operator from "./Operator.ts"
import * as Prefix from "./Prefix.ts"

export interface MetricsOptions {
  /** What a scraper shows that is neither on this machine nor an administrator. */
  readonly metricsToken?: Option.Option<Redacted.Redacted<string>>
}

const TYPE = "text/plain; version=0.0.4; charset=utf-8"

const BEARER = /^bearer +(\S+) *$/iu

const digest = (secret: string): Buffer => createHash("sha256").update(secret).digest()

/** Does a request show that token? Takes the same time for every wrong one. */
const showing = (token: Option.Option<Redacted.Redacted<string>>) => {
  if (Option.isNone(token)) return () => false
  const expected = digest(Redacted.value(token.value))
  return ({ headers }: HttpServerRequest.HttpServerRequest): boolean => {
    const shown = BEARER.exec(headers["authorization"] ?? "")?.[1]
    return shown !== undefined && timingSafeEqual(digest(shown), expected)
  }
}

const refused = HttpServerResponse.text("Unauthorized\n", {
  status: 401,
  headers: { "www-authenticate": "Bearer", "cache-control": "no-store" }
})

export const layer = ({
  metricsToken = Option.none()
}: MetricsOptions): Layer.Layer<never, never, HttpRouter.HttpRouter | Address | Gatekeeper | AccessPolicy> =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const { pathPrefix } = yield* Address
      const gatekeeper = yield* Gatekeeper
      const metrics = yield* Metrics
      if (metrics === none) return
      const { isOperator } = yield* Operator.make
      const showsToken = showing(metricsToken)
      const isOpen = Result.isSuccess(yield* gatekeeper.admit(undefined, undefined))
      // Where nothing that one could show would help, there is nothing to be told of.
      const otherwise = isOpen && Option.isNone(metricsToken) ? McpRoutes.nowhere : refused
      const served = (): HttpServerResponse.HttpServerResponse =>
        HttpServerResponse.text(text(metrics), { contentType: TYPE, headers: { "cache-control": "no-store" } })

      yield* Prefix.below(router, pathPrefix).add("GET", "/metrics", (request) =>
        showsToken(request)
          ? Effect.sync(served)
          : Effect.map(isOperator(request), (mayKnow) => (mayKnow ? served() : otherwise))
      )
    })
  )
