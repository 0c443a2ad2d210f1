/** Who may look behind the scenes: whoever runs this machine, and whoever has the role `admin`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import { Gatekeeper } from "../auth/Gatekeeper.ts"
import { isLoopback } from "./Guard.ts"

const FORWARDED = ["forwarded", "x-forwarded-for", "x-real-ip", "cf-connecting-ip"]

/**
 * Does the request come from this machine, and not through a proxy on it? Where a trusted proxy told who is behind it,
 * `peerAddress` differs and the told address counts.
 */
export const isLocal = (request: HttpServerRequest.HttpServerRequest): boolean => {
  const address = Option.getOrElse(request.remoteAddress, () => "")
  const isDirect = Option.getOrElse(request.peerAddress, () => "") === address
  return isLoopback(address) && (!isDirect || FORWARDED.every((name) => request.headers[name] === undefined))
}

/** Gives the question whether a request is an operator's. */
export const make = Effect.gen(function* () {
  const gatekeeper = yield* Gatekeeper
  const policy = yield* AccessPolicy
  return (request: HttpServerRequest.HttpServerRequest): Effect.Effect<boolean> => {
    const { authorization } = request.headers
    if (isLocal(request)) return Effect.succeed(true)
    if (authorization === undefined) return Effect.succeed(false)
    return Effect.map(
      gatekeeper.admit(authorization, undefined),
      (verdict) => Result.isSuccess(verdict) && policy.permissions(verdict.success).isAdmin
    )
  }
})
