/** Changes of the policy, put into the audit trail. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { AccessPolicy } from "./AccessPolicy.ts"
import { Audit } from "./Audit.ts"

/** Runs for as long as the policy does. */
export const layer: Layer.Layer<never, never, AccessPolicy | Audit> = Layer.effectDiscard(
  Effect.gen(function* () {
    const audit = yield* Audit
    const policy = yield* AccessPolicy
    yield* policy.changes.pipe(
      // The one in force at the start is no change.
      Stream.drop(1),
      Stream.runForEach(({ summary }) => audit.record({ kind: "policy", outcome: "ok", detail: summary.text })),
      Effect.forkScoped
    )
  })
)
