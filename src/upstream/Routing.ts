/** Whose is a message that a server sent outside of any call's stream? Pure, but for calling the handlers it finds. */
import * as Effect from "effect/Effect"
import type * as Frame from "../domain/Frame.ts"
import type { Lane } from "../domain/Lane.ts"
import type { Answer, CallHandlers } from "./Rpc.ts"
import { unanswerable } from "./Rpc.ts"

/**
 * The call that a message without a reference may be given to: nobody else could have caused it. On a shared lane that
 * is the only call in flight; where all calls in flight are of one session, its latest.
 */
export const soleCaller = (lane: Lane, calls: ReadonlyArray<CallHandlers>): CallHandlers | undefined => {
  const latest = calls.at(-1)
  if (latest === undefined || calls.length === 1) return latest
  if (lane._tag === "Shared") return undefined
  return calls.every((call) => call.session === latest.session) ? latest : undefined
}

/** The remedy that a server's status names once it asked on a shared lane. */
export const askedOnSharedLane = (method: string): string =>
  `it tried to ask the user something (${method}); set "isolation": "session" so that it can`

/** Puts a question that came outside of any call's stream to the caller that must have caused it. */
export const ask = (
  lane: Lane,
  calls: ReadonlyArray<CallHandlers>,
  question: Frame.Frame,
  note: (text: string) => void
): Effect.Effect<Answer> => {
  if (lane._tag === "Shared") {
    note(askedOnSharedLane(question.method))
    return Effect.succeed(unanswerable("Nobody can be asked: this connection is shared by several clients"))
  }
  const caller = soleCaller(lane, calls)
  return caller === undefined
    ? Effect.succeed(unanswerable("Nobody can be asked: no single call in flight can have caused this question"))
    : caller.ask(question)
}
