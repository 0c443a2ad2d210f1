/** What is under way with a server, each under a key: a `FiberMap` that forgets it at once (`domain/TransientMap`), for each call is one. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { TransientMap } from "../domain/TransientMap.ts"

export class Conversations<K extends string | number> {
  private readonly fibers = new TransientMap<K, Fiber.Fiber<void>>()
  private isClosed = false

  /** Begins one, in place of another under that key; nothing is begun once the scope has closed. */
  begin(key: K, conversation: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.withFiber(({ context }) => {
      if (this.isClosed) return Effect.interrupt
      this.hold(key, Effect.runForkWith(context)(conversation))
      return Effect.void
    })
  }

  private hold(key: K, fiber: Fiber.Fiber<void>): void {
    this.fibers.take(key)?.interruptUnsafe()
    if (fiber.pollUnsafe() !== undefined) return
    this.fibers.set(key, fiber)
    fiber.addObserver(() => {
      if (this.fibers.get(key) === fiber) this.fibers.take(key)
    })
  }

  /** Ends one, and waits for it to have ended. */
  end(key: K): Effect.Effect<void> {
    return Effect.suspend(() => {
      const fiber = this.fibers.take(key)
      return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
    })
  }

  /** They end with the scope. */
  static readonly make = <K extends string | number>(): Effect.Effect<Conversations<K>, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => new Conversations<K>()),
      (all) =>
        Effect.suspend(() => {
          all.isClosed = true
          return Fiber.interruptAll([...all.fibers].map(([, fiber]) => fiber))
        })
    )
}
