/** From what a provider says of an account to who it is here. Pure. */
import * as Result from "effect/Result"
import { Subject } from "../../domain/ServerId.ts"
import { type Identity, SignInRefused } from "../IdentityProvider.ts"
import type { Claims } from "./IdToken.ts"

const EMAIL = /^[^\s@\p{Cc}]{1,64}@[^\s@\p{Cc}]{1,253}$/u

/** The e-mail in lower case, if it is one. */
export const email = (text: string): string | undefined => (EMAIL.test(text) ? text.toLowerCase() : undefined)

const MAX_NAME = 100

/** A name fit to be shown: without control and direction characters, and not endless. */
export const name = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}]+/gu, " ")
    .trim()
    .slice(0, MAX_NAME)

export interface Provider {
  /** For people. */
  readonly provider: string
  /** What comes before the provider's own id. */
  readonly prefix: string
  /** Whether `hd` is the provider's word, and not something that a person can set. */
  readonly vouchesForDomains: boolean
}

/** The account as we know it. Nobody gets in by an e-mail that the provider has not verified. */
export const identity = (
  claims: Claims,
  { prefix, provider, vouchesForDomains }: Provider
): Result.Result<Identity, SignInRefused> => {
  const address = claims.email === undefined ? undefined : email(claims.email)
  if (address === undefined) {
    return Result.fail(
      new SignInRefused({
        reason: `${provider} has not told this server your e-mail address, without which you cannot sign in. Allow it to be shared, or use another account.`,
        detail: claims.email === undefined ? "no email claim" : "the email claim is not an e-mail"
      })
    )
  }
  if (String(claims.email_verified) !== "true") {
    return Result.fail(
      new SignInRefused({
        reason: `${provider} has not verified your e-mail address. Verify it there, then sign in again.`,
        detail: `email_verified is ${String(claims.email_verified)}`
      })
    )
  }
  const shown = name(claims.name ?? "")
  return Result.succeed({
    subject: Subject.make(`${prefix}:${claims.sub}`),
    email: address,
    ...(shown === "" ? {} : { name: shown }),
    ...(vouchesForDomains && claims.hd !== undefined && claims.hd !== ""
      ? { hostedDomain: claims.hd.toLowerCase() }
      : {})
  })
}
