/** The audit trail's thread, seen from the program: it is started, given orders, and started again if it dies. */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { randomBytes } from "node:crypto"
import { Worker } from "node:worker_threads"
import { logger } from "../observability/Logging.ts"
import { type Sink, SinkFailed } from "./AuditSink.ts"
import type { Assignment, Order, Report } from "./AuditThread.ts"

const log = logger("access")

/** The thread's program, whole. `scripts/build.ts` fills it in, so that no bundle needs a file beside it. */
declare const __AUDIT_THREAD__: string | undefined

const start = (assignment: Assignment): Worker => {
  // It needs nothing of our environment, and so is not shown it.
  const options = { workerData: assignment, env: {}, execArgv: [], name: "audit" }
  return typeof __AUDIT_THREAD__ === "string"
    ? new Worker(__AUDIT_THREAD__, { ...options, eval: true })
    : new Worker(new URL("./AuditThread.ts", import.meta.url), options)
}

/** A thread that lives, and who waits for its reports, in the order of their orders. */
interface Thread {
  readonly worker: Worker
  readonly waiting: Array<(report: Effect.Effect<Report, SinkFailed>) => void>
}

/** Started by the first order, and by the first after its death. It ends with the scope. */
export const make = Effect.fnUntraced(function* (wanted: Omit<Assignment, "writer" | "appended">) {
  const speak = yield* FiberSet.makeRuntime()
  const writer = randomBytes(9).toString("base64url")
  let appended = 0
  let missed = 0
  let thread: Thread | undefined
  let isClosing = false

  const begin = (): Thread => {
    const worker = start({ ...wanted, writer, appended })
    const begun: Thread = { worker, waiting: [] }
    let reason = "it stopped"
    worker.on("message", (report: Report) => {
      appended = report.appended
      missed += report.linesMissed
      begun.waiting.shift()?.(Effect.succeed(report))
    })
    worker.on("error", (error) => {
      reason = error instanceof Error ? error.message : String(error)
    })
    worker.on("exit", () => {
      if (thread === begun) thread = undefined
      const failed = Effect.fail(new SinkFailed({ reason: `the thread that writes it ended (${reason})` }))
      for (const resume of begun.waiting) resume(failed)
      if (!isClosing) speak(log.warning(`The thread that writes the audit trail ended (${reason}); another takes over`))
    })
    return begun
  }

  const tell = (order: Order): Effect.Effect<Report, SinkFailed> =>
    Effect.callback((resume) => {
      thread ??= begin()
      thread.waiting.push(resume)
      thread.worker.postMessage(order)
    })

  const done = (report: Report): Effect.Effect<Report, SinkFailed> =>
    report.problem === undefined ? Effect.succeed(report) : Effect.fail(new SinkFailed({ reason: report.problem }))

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosing = true
      if (thread === undefined) return Effect.void
      const { worker } = thread
      const ended = Effect.callback<void>((resume) => {
        worker.once("exit", () => resume(Effect.void))
        worker.postMessage({ _tag: "Close" } satisfies Order)
      })
      const terminated = Effect.promise(() => worker.terminate())
      return Effect.timeoutOrElse(ended, { duration: "2 seconds", orElse: () => terminated })
    })
  )

  return {
    write: ({ now, number, records }) =>
      Effect.map(
        Effect.flatMap(tell({ _tag: "Write", batch: number, records: JSON.stringify(records), now }), done),
        ({ linesProblem }) => ({ problem: linesProblem, missed })
      ),
    tend: (now) => Effect.asVoid(Effect.flatMap(tell({ _tag: "Tend", now }), done))
  } satisfies Sink
})
