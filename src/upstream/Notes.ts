/** What the operator should know about a server, a text for each subject. */
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { UpstreamState } from "./Upstream.ts"

export type Subject = "questions" | "pings"

/** Keeps them in `state`. `tell` hears of each new one. */
export const make = (
  state: SubscriptionRef.SubscriptionRef<UpstreamState>,
  tell: (text: string) => Effect.Effect<void>
) => {
  const notes = new Map<Subject, string>()
  /** `undefined`: there is nothing to know about this any more. */
  return (subject: Subject, text: string | undefined): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (notes.get(subject) === text) return Effect.void
      if (text === undefined) notes.delete(subject)
      else notes.set(subject, text)
      const note = notes.size === 0 ? undefined : [...notes.values()].join("; ")
      const kept = SubscriptionRef.update(state, (before) => ({ ...before, note }))
      return text === undefined ? kept : Effect.andThen(kept, tell(text))
    })
}
