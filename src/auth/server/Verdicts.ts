/** What the authorization server decides, told to the log and to the audit trail. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { errors, KoaContextWithOIDC, Provider } from "oidc-provider"
import { Audit } from "../../access/Audit.ts"
import { type AuditEvent, whoOf } from "../../domain/AuditRecord.ts"
import { logger } from "../../observability/Logging.ts"
import { Accounts, principalOf } from "./Accounts.ts"

const log = logger("auth")

const REFRESH = "refresh_token"

const clientIdOf = (ctx: KoaContextWithOIDC): string | undefined => ctx.oidc.client?.clientId

const grantTypeOf = (ctx: KoaContextWithOIDC): unknown => ctx.oidc.params?.["grant_type"]

const clientOf = (ctx: KoaContextWithOIDC) => {
  const { client } = ctx.oidc
  return client === undefined ? {} : { client: { id: client.clientId, name: client.clientName } }
}

/** Of an error what its makers would want to know; descriptions alone say the same of everything. */
const detailOf = (error: errors.OIDCProviderError): string =>
  [error.error, error.error_detail ?? error.error_description].filter((part) => part !== undefined).join(": ")

/** Listens for as long as the library lives. */
export const listen = Effect.fnUntraced(function* (provider: Provider) {
  const audit = yield* Audit
  const accounts = yield* Accounts
  const fork = Effect.runForkWith(yield* Effect.context<never>())

  const who = (subject: string | undefined): Effect.Effect<Pick<AuditEvent, "principal">> =>
    subject === undefined
      ? Effect.succeed({})
      : accounts.find(subject).pipe(
          Effect.map(
            Option.match({
              onNone: () => ({ principal: { subject } }),
              onSome: ({ identity }) => ({ principal: whoOf(principalOf(identity)) })
            })
          ),
          Effect.orElseSucceed(() => ({ principal: { subject } }))
        )

  const refused =
    (what: string, kind?: AuditEvent["kind"]) => (ctx: KoaContextWithOIDC, error: errors.OIDCProviderError) => {
      const detail = detailOf(error)
      fork(log.debug(`${what} of ${clientIdOf(ctx) ?? "an unknown client"} refused: ${detail}`))
      if (kind !== undefined) fork(audit.record({ kind, outcome: "refused", ...clientOf(ctx), detail }))
    }

  provider.on("authorization.error", refused("Authorization request"))
  provider.on("revocation.error", refused("Revocation"))
  provider.on("registration_create.error", refused("Registration"))
  provider.on("grant.error", (ctx, error) => {
    refused("Token request", grantTypeOf(ctx) === REFRESH ? "refresh" : undefined)(ctx, error)
  })
  provider.on("grant.success", (ctx) => {
    const grantType = grantTypeOf(ctx)
    fork(log.debug(`Tokens issued to ${clientIdOf(ctx) ?? ""} (${String(grantType)})`))
    if (grantType !== REFRESH) return
    const subject = ctx.oidc.entities.Account?.accountId
    fork(
      Effect.flatMap(who(subject), (principal) =>
        audit.record({ kind: "refresh", outcome: "ok", ...clientOf(ctx), ...principal })
      )
    )
  })
  provider.on("grant.revoked", (ctx, grantId) => {
    fork(log.debug(`A grant of ${clientIdOf(ctx) ?? "an unknown client"} was revoked`))
    const subject = ctx.oidc.entities.RefreshToken?.accountId ?? ctx.oidc.entities.Grant?.accountId
    fork(
      Effect.flatMap(who(subject), (principal) =>
        audit.record({ kind: "revocation", outcome: "ok", ...clientOf(ctx), ...principal, detail: `grant ${grantId}` })
      )
    )
  })
  provider.on("registration_create.success", (_, client) => {
    fork(log.debug(`Registered ${client.clientId} (${client.clientName ?? "no name"})`))
  })
  provider.on("server_error", (_, error) => {
    fork(log.error(`The authorization server failed: ${error.message}`, {}, Cause.die(error)))
  })
})
