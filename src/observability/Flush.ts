/** The last word to a collector. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Exports everything as it is now, while all that can be measured is still there. Takes a few seconds at most. */
export const Flush = Context.Reference<Effect.Effect<void>>("mcp-proxy/observability/Flush", {
  defaultValue: () => Effect.void
})
