/** The Host and Origin check as the routes use it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import { CODE } from "../domain/Protocol.ts"
import { Address } from "./Address.ts"
import * as Guard from "./Guard.ts"
import { refuse } from "./Responses.ts"

/** Gives the refusal of a request whose Host or Origin is not one of ours; undefined for all others. */
export class HostGuard extends Context.Service<
  HostGuard,
  (request: HttpServerRequest.HttpServerRequest) => HttpServerResponse.HttpServerResponse | undefined
>()("mcp-proxy/http/HostGuard") {}

/** Whom the routes serve beside those whom the address itself lets in. */
export interface HostGuardOptions {
  readonly allowedHosts: ReadonlyArray<string>
  readonly allowedOrigins: ReadonlyArray<string>
}

export const layer = ({ allowedHosts, allowedOrigins }: HostGuardOptions): Layer.Layer<HostGuard, never, Address> =>
  Layer.effect(
    HostGuard,
    Effect.map(Address, ({ baseUrl, host }) => ({ headers }: HttpServerRequest.HttpServerRequest) => {
      const verdict = Guard.check(headers["host"], headers["origin"], { host, baseUrl, allowedHosts, allowedOrigins })
      return verdict._tag === "Allowed" ? undefined : refuse(403, CODE.invalidRequest, verdict.reason)
    })
  )
