/** What starting took in memory is given back. */
import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** How V8 collects on request. */
type Collect = (how: { readonly type: "major"; readonly flavor: "last-resort" }) => void

/**
 * A program that starts has its young generation grow, and then has no use for what it has grown to; V8 would keep it, a
 * third of the heap, until memory is short. For the twentieth of a second that this takes, nothing else is done.
 */
export const giveBack: Effect.Effect<void> = Effect.sync(() => {
  setFlagsFromString("--expose-gc")
  const collect: Collect = runInNewContext("gc")
  collect({ type: "major", flavor: "last-resort" })
})
