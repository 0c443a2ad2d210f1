/** Changes of the policy, put into the audit trail. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Vital from "../observability/Vital.ts"
import { AccessPolicy } from "./AccessPolicy.ts"
import { Audit } from "./Audit.ts"

/** Runs for as long as the policy does. */
export const layer: Layer.Layer<never, never, AccessPolicy | Audit> = Layer.effectDiscard(
  Effect.gen(function* () {
    const audit = yield* Audit
    const policy = yield* AccessPolicy
    // The one in force at the start is no change.
    let last = policy.version()
    const follow = Stream.runForEach(policy.changes, ({ summary, version }) => {
      if (version === last) return Effect.void
      last = version
      return audit.record({ kind: "policy", outcome: "ok", detail: summary.text })
    })
    yield* Vital.fork("Recording changes of the policy", follow)
  })
)
