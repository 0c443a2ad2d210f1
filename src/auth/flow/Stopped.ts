/** A sign-in that ends on an error page. */
import * as Schema from "effect/Schema"
import { Identity } from "../IdentityProvider.ts"
import type { SignInError } from "../pages/SignInErrors.ts"

/** `error` is for the person, `detail` for the log. */
export class Stopped extends Schema.TaggedError<Stopped>()("Stopped", {
  error: Schema.declare((value): value is SignInError => typeof value === "object" && value !== null),
  detail: Schema.String,
  /** Who it was, where that is known by then. */
  identity: Schema.optionalKey(Identity)
}) {
  override get message(): string {
    return `${this.error.title}: ${this.detail}`
  }
}
