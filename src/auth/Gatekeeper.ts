/** Who is calling? The first question of every request to the MCP endpoint. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { anonymous, type Principal } from "../domain/Principal.ts"
import { remembering } from "../domain/Remembering.ts"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import { Audit } from "../access/Audit.ts"
import { type AuditEvent, whoOf } from "../domain/AuditRecord.ts"
import { logger } from "../observability/Logging.ts"
import * as Challenge from "./Challenge.ts"
import { TOKENS } from "./Digests.ts"
import { MachineCredentials } from "./MachineCredentials.ts"
import { audienceCovers, type PublicUrl, serverResource } from "./PublicUrl.ts"
import * as Scopes from "./Scopes.ts"
import { AccessTokens } from "./server/AccessTokens.ts"

const log = logger("auth")

/** A request that is refused, and how to say so. */
export interface Refused {
  readonly challenge: Challenge.Challenge
  /** Who it was, where that is known. */
  readonly principal: Principal | undefined
  readonly status: 401 | 403
  /** The value of `WWW-Authenticate`. */
  readonly header: string
}

export class Gatekeeper extends Context.Service<
  Gatekeeper,
  {
    /** `authorization`: the header as it came. `server`: the name in the path of one server's own endpoint. */
    readonly admit: (
      authorization: string | undefined,
      server: string | undefined
    ) => Effect.Effect<Result.Result<Principal, Refused>>
  }
>()("mcp-proxy/auth/Gatekeeper") {
  /** Without sign-in: everyone is nobody in particular. */
  static readonly layerOpen: Layer.Layer<Gatekeeper> = Layer.succeed(Gatekeeper, {
    admit: () => Effect.succeed(Result.succeed(anonymous))
  })
}

/** RFC 6750 §2.1: one token, in the header and nowhere else. */
const BEARER = /^bearer +([\w.~+/-]+=*) *$/iu

/** The token of a header: for one that was seen before the same text, of which what is known is found without reading it. */
const bearerOf = remembering((header) => BEARER.exec(header)?.[1], TOKENS)

const INVALID: Readonly<Record<"expired" | "revoked" | "invalid" | "foreign", string>> = {
  expired: "the access token has expired",
  revoked: "the access token was revoked",
  invalid: "the access token is not one of this server's",
  foreign: "the access token is for another resource"
}

const make = (url: PublicUrl) =>
  Effect.gen(function* () {
    const audit = yield* Audit
    const tokens = yield* AccessTokens
    const machines = yield* MachineCredentials
    const hasKeys = machines.names.length > 0
    const policy = yield* AccessPolicy

    const refuse = (
      resource: string,
      challenge: Challenge.Challenge,
      principal?: Principal
    ): Result.Result<never, Refused> =>
      Result.fail({
        challenge,
        principal,
        status: Challenge.status(challenge),
        header: Challenge.header(url, resource, challenge)
      })

    /** The operator may have shut somebody out since the token was issued. */
    const admitted = (resource: string, principal: Principal): Result.Result<Principal, Refused> =>
      policy.permissions(principal).admitted
        ? Result.succeed(principal)
        : refuse(resource, { _tag: "NotAdmitted" }, principal)

    const judge = (
      authorization: string | undefined,
      server: string | undefined
    ): Effect.Effect<Result.Result<Principal, Refused>> => {
      const resource = server === undefined ? url.resource : serverResource(url, server)
      if (authorization === undefined) return Effect.succeed(refuse(resource, { _tag: "Missing" }))
      const bearer = bearerOf(authorization)
      if (bearer === undefined) {
        const reason = "the Authorization header is not Bearer with one token"
        return Effect.succeed(refuse(resource, { _tag: "InvalidToken", reason }))
      }
      const machine = hasKeys ? machines.verify(Redacted.make(bearer)) : Option.none()
      if (Option.isSome(machine)) return Effect.succeed(admitted(resource, machine.value))
      return Effect.mapEager(tokens.verify(bearer), (verified) => {
        if (Result.isFailure(verified)) {
          return refuse(resource, { _tag: "InvalidToken", reason: INVALID[verified.failure] })
        }
        const { audience, principal, scopes } = verified.success
        if (!audienceCovers(url, audience, resource)) {
          return refuse(resource, { _tag: "InvalidToken", reason: INVALID.foreign })
        }
        if (!scopes.has(Scopes.MCP)) return refuse(resource, { _tag: "InsufficientScope" }, principal)
        return admitted(resource, principal)
      })
    }

    /** Whoever comes without a token is on the way to sign in; whoever comes with a bad one is of interest. */
    const record = ({ challenge, principal, status }: Refused, server: string | undefined): Effect.Effect<void> => {
      if (challenge._tag === "Missing") return Effect.void
      const event: AuditEvent = {
        kind: "refusal",
        outcome: "denied",
        server,
        code: status,
        detail: Challenge.message(challenge),
        ...(principal === undefined ? {} : { principal: whoOf(principal), client: { id: principal.clientId } })
      }
      const who = principal === undefined ? "" : ` of ${principal.displayName}`
      return Effect.andThen(log.debug(`A request${who} refused: ${Challenge.message(challenge)}`), audit.record(event))
    }

    return Gatekeeper.of({
      admit: (authorization, server) =>
        Effect.flatMapEager(judge(authorization, server), (verdict): ReturnType<typeof judge> =>
          Result.isSuccess(verdict) ? Effect.succeed(verdict) : Effect.as(record(verdict.failure, server), verdict)
        )
    })
  })

export const layer = (
  url: PublicUrl
): Layer.Layer<Gatekeeper, never, AccessTokens | MachineCredentials | AccessPolicy | Audit> =>
  Layer.effect(Gatekeeper, make(url))
