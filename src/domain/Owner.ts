/** Whose a request is, as far as bounds for each go. */
import type { Caller } from "./Lane.ts"
import { isAnonymous, type Principal } from "./Principal.ts"
import { rememberingOf } from "./Remembering.ts"

/** Who has signed in; without sign-in, one session. Only ever compared. */
export type Owner = string

/** The same text each time, for it is looked up with every request. */
const personOf = rememberingOf(({ subject }: Principal): Owner => `user ${subject}`)

/**
 * Whose bounds a caller's requests count towards. Without sign-in nobody tells people apart: a session stands for its
 * client, and requests without one (2026-07-28) are nobody's, for they would all be one person's.
 */
export const ownerOf = ({ principal, session }: Pick<Caller, "principal" | "session">): Owner | undefined => {
  if (!isAnonymous(principal)) return personOf(principal)
  return session === undefined ? undefined : `session ${session}`
}
