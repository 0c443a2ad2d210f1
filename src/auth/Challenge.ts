/** Refusing a request for want of a good token (RFC 6750 §3, RFC 9728 §5.1). Pure. */
import { resourceMetadataUrl } from "./Metadata.ts"
import type { PublicUrl } from "./PublicUrl.ts"
import * as Scopes from "./Scopes.ts"

export type Challenge =
  | { readonly _tag: "Missing" }
  /** `reason` is for developers of clients. */
  | { readonly _tag: "InvalidToken"; readonly reason: string }
  | { readonly _tag: "InsufficientScope" }
  /** The person is known, and may use nothing here (any more). */
  | { readonly _tag: "NotAdmitted" }

export const status = (challenge: Challenge): 401 | 403 =>
  challenge._tag === "Missing" || challenge._tag === "InvalidToken" ? 401 : 403

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/gu, "\\$&")}"`

/** The value of `WWW-Authenticate`. */
export const header = (url: PublicUrl, resource: string, challenge: Challenge): string => {
  const error =
    challenge._tag === "InvalidToken"
      ? [["error", "invalid_token"] as const, ["error_description", challenge.reason] as const]
      : challenge._tag === "InsufficientScope" || challenge._tag === "NotAdmitted"
        ? [["error", "insufficient_scope"] as const]
        : []
  const parameters = [
    ...error,
    ["scope", Scopes.MCP] as const,
    ["resource_metadata", resourceMetadataUrl(url, resource)] as const
  ]
  return `Bearer ${parameters.map(([name, value]) => `${name}=${quoted(value)}`).join(", ")}`
}

/** What the body says. */
export const message = (challenge: Challenge): string => {
  switch (challenge._tag) {
    case "Missing":
      return "Unauthorized: sign in, and send the access token as Authorization: Bearer"
    case "InvalidToken":
      return `Unauthorized: ${challenge.reason}`
    case "InsufficientScope":
      return `Forbidden: the access token lacks the scope ${Scopes.MCP}`
    case "NotAdmitted":
      return "Forbidden: this account may not use this server"
  }
}
