/** Who is calling. */
import { Subject } from "./ServerId.ts"

/** The signed-in person or machine credential behind a request. */
export interface Principal {
  /** Stable for as long as the account exists; never an e-mail, which may be given to somebody else. */
  readonly subject: Subject
  readonly kind: "person" | "machine" | "anonymous"
  /** What logs and pages call it: a person's e-mail, a machine credential's name. */
  readonly displayName: string
  /** A person's verified e-mail, in lower case. */
  readonly email?: string
  /** The organisation that vouches for a person's account (Google's `hd`), in lower case. */
  readonly hostedDomain?: string
  /** The OAuth client through which a person calls. */
  readonly clientId?: string
  /** What the person gave that client, which can be taken back. */
  readonly grantId?: string
}

/** Is the same known of both? */
export const sameAccount = (a: Principal, b: Principal): boolean =>
  a === b ||
  (a.subject === b.subject &&
    a.kind === b.kind &&
    a.displayName === b.displayName &&
    a.email === b.email &&
    a.hostedDomain === b.hostedDomain &&
    a.clientId === b.clientId &&
    a.grantId === b.grantId)

/** Is it nobody in particular, so that what it may see everyone may? */
export const isAnonymous = ({ kind }: Principal): boolean => kind === "anonymous"

/** Everyone, where sign-in is switched off. */
export const anonymous: Principal = {
  subject: Subject.make("anonymous"),
  kind: "anonymous",
  displayName: "anonymous"
}
