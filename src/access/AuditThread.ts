/** The thread on which the audit trail is written. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import { type Place, type Reply, type Request, work } from "./AuditWorker.ts"

/** The thread is no more. */
export class ThreadDied extends Schema.TaggedError<ThreadDied>()("ThreadDied", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/** A running thread. One request at a time. */
export interface Thread {
  /** Waits for the reply; for ever, if the thread dies before it. */
  readonly ask: (request: Request) => Effect.Effect<Reply>
  readonly died: Effect.Effect<never, ThreadDied>
}

/** Starts a thread, which ends with the scope. */
export type Start = (place: Place) => Effect.Effect<Thread, never, Scope.Scope>

const start: Start = Effect.fnUntraced(function* (place) {
  const end = Deferred.makeUnsafe<never, ThreadDied>()
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => {
      // Neither our environment nor our flags are its business.
      const options = { eval: true, workerData: place, env: {}, execArgv: [], name: "audit" }
      return new Worker(`(${work.toString()})()`, options)
    }),
    (running) => Effect.promise(() => running.terminate())
  )
  const died = (reason: string) => Deferred.doneUnsafe(end, Effect.fail(new ThreadDied({ reason })))
  worker.on("error", (error) => died(error instanceof Error ? error.message : String(error)))
  worker.on("exit", (code) => died(`it ended with code ${code}`))
  return {
    ask: (request) =>
      Effect.callback((resume) => {
        const answered = (reply: Reply): void => resume(Effect.succeed(reply))
        worker.once("message", answered)
        // Threads know no origins.
        // oxlint-disable-next-line unicorn/require-post-message-target-origin
        worker.postMessage(request)
        return Effect.sync(() => worker.off("message", answered))
      }),
    died: Deferred.await(end)
  }
})

/** How threads are started; tests have their own. */
export const AuditThread = Context.Reference<Start>("mcp-proxy/access/AuditThread", { defaultValue: () => start })
