/** Whom the operator lets in. */
import * as Context from "effect/Context"
import type { Identity } from "../IdentityProvider.ts"

/** Asked at every sign-in and at every refresh; the answer may change meanwhile. */
export class Admission extends Context.Service<Admission, { readonly isAdmitted: (identity: Identity) => boolean }>()(
  "mcp-proxy/auth/server/Admission"
) {}
