/** Who runs next: fibers take turns in the order in which they became runnable, and only when the simulation lets them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Scheduler } from "effect/Scheduler"

/** More turns than anything takes that comes to rest. */
const MAX_TURNS = 200_000

export class Turns implements Scheduler {
  readonly executionMode = "async"
  private waiting: Array<() => void> = []
  private isOver = false
  private readonly dispatcher = {
    scheduleTask: (task: () => void): void => {
      if (!this.isOver) this.waiting.push(task)
    },
    flush: (): void => {
      this.run(Infinity)
    }
  }

  /** All fibers share one queue. */
  makeDispatcher() {
    return this.dispatcher
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  get areWaiting(): boolean {
    return this.waiting.length > 0
  }

  /** Gives turns until nobody wants any more, or so many have been taken. */
  run(most: number): void {
    let taken = 0
    while (this.waiting.length > 0 && taken < most) {
      const round = this.waiting
      this.waiting = []
      let index = 0
      for (; index < round.length && taken < most; index++) {
        round[index]?.()
        taken++
      }
      if (index < round.length) this.waiting.unshift(...round.slice(index))
      if (taken > MAX_TURNS) throw new Error(`fibers go on taking turns, ${MAX_TURNS} so far, without coming to rest`)
    }
  }

  /** From here on nobody runs any more, as after SIGKILL. */
  stop(): void {
    this.isOver = true
    this.waiting = []
  }
}

/** Carries out what takes no time and waits for nobody, with all that it forks. */
export const runNow = <A, E>(effect: Effect.Effect<A, E>, turns = new Turns(), references = Context.empty()): A => {
  const fiber = Effect.runForkWith(Context.add(references, Scheduler, turns))(effect)
  turns.run(Infinity)
  const exit = fiber.pollUnsafe()
  if (exit === undefined) throw new Error("it waits for something")
  if (Exit.isFailure(exit)) throw new Error("it fails", { cause: exit.cause })
  return exit.value
}
