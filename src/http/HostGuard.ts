/** The Host and Origin check as the routes use it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import { CODE } from "../domain/Protocol.ts"
import { remembering } from "../domain/Remembering.ts"
import { Address } from "./Address.ts"
import * as Guard from "./Guard.ts"
import { refuse } from "./Responses.ts"
import type { McpRequest } from "./McpRequest.ts"

/** Gives the refusal of a request whose Host or Origin is not one of ours; undefined for all others. */
export class HostGuard extends Context.Service<
  HostGuard,
  (request: McpRequest) => HttpServerResponse.HttpServerResponse | undefined
>()("mcp-proxy/http/HostGuard") {}

/** Whom the routes serve beside those whom the address itself lets in. */
export interface HostGuardOptions {
  readonly allowedHosts: ReadonlyArray<string>
  readonly allowedOrigins: ReadonlyArray<string>
}

export const layer = ({ allowedHosts, allowedOrigins }: HostGuardOptions): Layer.Layer<HostGuard, never, Address> =>
  Layer.effect(
    HostGuard,
    Effect.map(Address, ({ baseUrl, host }) => {
      const options = { host, baseUrl, allowedHosts, allowedOrigins }
      // Without an origin, which is how all but browsers call.
      const byHost = remembering((name) => Guard.check(name, undefined, options))
      return ({ headers }: McpRequest) => {
        const { host: name, origin } = headers
        const verdict = name !== undefined && origin === undefined ? byHost(name) : Guard.check(name, origin, options)
        return verdict._tag === "Allowed" ? undefined : refuse(403, CODE.invalidRequest, verdict.reason)
      }
    })
  )
