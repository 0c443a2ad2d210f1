/** Who is calling. */
import { Subject } from "./ServerId.ts"

/** The signed-in person or machine credential behind a request. */
export interface Principal {
  readonly subject: Subject
  /** What logs and pages call it. */
  readonly displayName: string
}

/** Everyone, where sign-in is switched off. */
export const anonymous: Principal = { subject: Subject.make("anonymous"), displayName: "anonymous" }
