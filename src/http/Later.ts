/** An answer that comes when somebody else gives it, so that no fiber has to wait for it: every call has two, its body and its end. */
import * as Effect from "effect/Effect"

/** An answer, or the promise of one. */
export type Answer<A> = A | Later<A>

/** Is told, once, what makes the answer, and makes it: where that dies, it is for who hears it to say so. */
type Hear<A> = (answer: () => Effect.Effect<Answer<A>>) => void

export class Later<A> {
  /** Tells who hears it, possibly at once. Of who does not listen any more nobody has to know. */
  readonly whenKnown: (hear: Hear<A>) => void

  constructor(whenKnown: (hear: Hear<A>) => void) {
    this.whenKnown = whenKnown
  }
}

/** Changes an answer, whenever it comes. */
export const map = <A>(came: Answer<A>, change: (answer: A) => A): Answer<A> =>
  came instanceof Later
    ? new Later((hear) =>
        came.whenKnown((answer) => hear(() => Effect.mapEager(answer(), (next) => map(next, change))))
      )
    : change(came)

const awaited = <A>(came: Answer<A>): Effect.Effect<A> =>
  came instanceof Later
    ? settled(Effect.callback<Answer<A>>((resume) => came.whenKnown((answer) => resume(Effect.suspend(answer)))))
    : Effect.succeed(came)

/** Waits for an answer that comes later. */
export const settled = <A, E, R>(answered: Effect.Effect<Answer<A>, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(answered, awaited)
