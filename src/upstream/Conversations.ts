/** What is under way with a server, each under a key: a `FiberMap` that forgets it at once (`domain/TransientMap`), for each call is one. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { TransientMap } from "../domain/TransientMap.ts"
import type { Abort } from "./HttpAgent.ts"

/** An exchange that goes on by itself, or a fiber that has something to wait for. */
type Conversation = Abort | Fiber.Fiber<void>

const end = (conversation: Conversation): Effect.Effect<void> =>
  typeof conversation === "function" ? Effect.sync(conversation) : Fiber.interrupt(conversation)

export class Conversations<K extends string | number> {
  private readonly underWay = new TransientMap<K, Conversation>()
  private isClosed = false

  /** Begins one, in place of another under that key; nothing is begun once the scope has closed. */
  begin(key: K, conversation: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.withFiber(({ context }) => {
      if (this.isClosed) return Effect.interrupt
      this.fork(key, Effect.runForkWith(context)(conversation))
      return Effect.void
    })
  }

  /**
   * The same of one that begins with an exchange, for which there is no fiber. `rest` says what is still to be done when it
   * has ended, if anything is.
   */
  exchange<A, E>(
    key: K,
    start: (ended: (exit: Exit.Exit<A, E>) => void) => Abort,
    rest: (exit: Exit.Exit<A, E>) => Effect.Effect<void> | undefined
  ): Effect.Effect<void> {
    return Effect.withFiber(({ context }) => {
      if (this.isClosed) return Effect.interrupt
      this.giveUp(key)
      let hasEnded = false
      let abort: Abort | undefined
      abort = start((exit) => {
        hasEnded = true
        if (this.underWay.get(key) === abort) this.underWay.take(key)
        const left = rest(exit)
        if (left !== undefined) this.fork(key, Effect.runForkWith(context)(left))
      })
      if (!hasEnded) this.underWay.set(key, abort)
      return Effect.void
    })
  }

  private fork(key: K, fiber: Fiber.Fiber<void>): void {
    this.giveUp(key)
    if (fiber.pollUnsafe() !== undefined) return
    this.underWay.set(key, fiber)
    fiber.addObserver(() => {
      if (this.underWay.get(key) === fiber) this.underWay.take(key)
    })
  }

  private giveUp(key: K): void {
    const other = this.underWay.take(key)
    if (typeof other === "function") other()
    else other?.interruptUnsafe()
  }

  /** Ends one, and waits for it to have ended. */
  end(key: K): Effect.Effect<void> {
    return Effect.suspend(() => {
      const conversation = this.underWay.take(key)
      return conversation === undefined ? Effect.void : end(conversation)
    })
  }

  /** They end with the scope. */
  static readonly make = <K extends string | number>(): Effect.Effect<Conversations<K>, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => new Conversations<K>()),
      (all) =>
        Effect.suspend(() => {
          all.isClosed = true
          const left = [...all.underWay].map(([, conversation]) => conversation)
          return Effect.forEach(left, end, { concurrency: "unbounded", discard: true })
        })
    )
}
