/** The fibers of what is under way: a `FiberSet` that forgets them at once (`domain/Slots`), for each call has two. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import { Slots } from "../domain/Slots.ts"

export class Underway {
  private readonly fibers = new Slots<Fiber.Fiber<unknown, unknown>>()
  private readonly none = Latch.makeUnsafe(true)
  private isClosed = false

  /** A fiber that is interrupted when the scope closes, or at once where it has closed. */
  add(fiber: Fiber.Fiber<unknown, unknown>): void {
    if (this.isClosed) return fiber.interruptUnsafe()
    if (fiber.pollUnsafe() !== undefined) return
    const slot = this.fibers.put(fiber)
    this.none.closeUnsafe()
    fiber.addObserver(() => {
      this.fibers.take(slot)
      if (this.fibers.size === 0) this.none.openUnsafe()
    })
  }

  /** Waits until there is none. */
  readonly idle: Effect.Effect<void> = Effect.suspend(() => this.none.await)

  /** Interrupts all, and waits until they have ended. */
  readonly interrupt: Effect.Effect<void> = Effect.suspend(() => Fiber.interruptAll([...this.fibers]))

  static readonly make: Effect.Effect<Underway, never, Scope.Scope> = Effect.acquireRelease(
    Effect.sync(() => new Underway()),
    (underway) =>
      Effect.suspend(() => {
        underway.isClosed = true
        return underway.interrupt
      })
  )
}
