/** Who may be told how the proxy is doing, and who may have it do something. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import { Gatekeeper, type Refused } from "../auth/Gatekeeper.ts"
import { isAnonymous, type Principal } from "../domain/Principal.ts"
import { isLoopback } from "./Guard.ts"

type Request = HttpServerRequest.HttpServerRequest

const FORWARDED = ["forwarded", "x-forwarded-for", "x-real-ip", "cf-connecting-ip"]

/**
 * Does the request come from this machine, and not through a proxy on it? Where a trusted proxy told who is behind it,
 * `peerAddress` differs and the told address counts.
 */
export const isLocal = (request: Request): boolean => {
  const address = Option.getOrElse(request.remoteAddress, () => "")
  const isDirect = Option.getOrElse(request.peerAddress, () => "") === address
  return isLoopback(address) && (!isDirect || FORWARDED.every((name) => request.headers[name] === undefined))
}

/** Why somebody is no administrator: nobody known, or somebody else. */
export type NotAdministrator = { readonly _tag: "Unknown"; readonly refused: Refused } | { readonly _tag: "Other" }

export const make = Effect.gen(function* () {
  const gatekeeper = yield* Gatekeeper
  const policy = yield* AccessPolicy

  /** Who has the role `admin`; without sign-in, whoever is on this machine. */
  const administrator = (request: Request): Effect.Effect<Result.Result<Principal, NotAdministrator>> =>
    Effect.map(gatekeeper.admit(request.headers["authorization"], undefined), (verdict) => {
      if (Result.isFailure(verdict)) return Result.fail({ _tag: "Unknown", refused: verdict.failure })
      const may = isAnonymous(verdict.success) ? isLocal(request) : policy.permissions(verdict.success).isAdmin
      return may ? Result.succeed(verdict.success) : Result.fail({ _tag: "Other" })
    })

  /** Whoever is on this machine, and whoever has the role `admin`. */
  const isOperator = (request: Request): Effect.Effect<boolean> => {
    if (isLocal(request)) return Effect.succeed(true)
    if (request.headers["authorization"] === undefined) return Effect.succeed(false)
    return Effect.map(administrator(request), Result.isSuccess)
  }

  return { administrator, isOperator }
})
