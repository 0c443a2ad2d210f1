/** What a server sends that is no answer and came on no call's stream, and what becomes of it. */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import type * as Catalogue from "../domain/Catalogue.ts"
import { KINDS, LIST } from "../domain/Catalogue.ts"
import * as Frame from "../domain/Frame.ts"
import type { Lane } from "../domain/Lane.ts"
import type { ServerConfig } from "../domain/ServerConfig.ts"
import { logger } from "../observability/Logging.ts"
import * as Attached from "./Attached.ts"
import * as Routing from "./Routing.ts"
import type { CallHandlers, Unrelated } from "./Rpc.ts"
import type { UpstreamEvent } from "./Upstream.ts"

const log = logger("upstream")
const serverLog = logger("server")

/** How many faults of a server are logged one by one in each window. */
const MAX_FAULTS = 20
const FAULT_WINDOW = "10 seconds"

/** A log message of a server's as a line of our own log. */
const logLine = (frame: Frame.Frame): { readonly text: string; readonly severe: boolean } => {
  const data = Frame.valueAt(frame, "data")
  const level = String(Frame.valueAt(frame, "level"))
  const text = Predicate.isString(data) ? data : JSON.stringify(data)
  return { text: `[${level}] ${text}`, severe: !["debug", "info", "notice"].includes(level) }
}

/** `changed` has lists fetched anew as the server itself would by telling that they changed. */
export const make = Effect.fnUntraced(function* (options: {
  readonly config: ServerConfig
  readonly lane: Lane
  readonly publish: (event: UpstreamEvent) => void
  readonly calls: () => ReadonlyArray<CallHandlers>
  readonly note: (text: string) => Effect.Effect<void>
  readonly refresh: (kinds: ReadonlyArray<Catalogue.Kind>) => Effect.Effect<void>
  /** Gives the connection of the moment up for lost. */
  readonly lose: Attached.Lose
}) {
  const { calls, config, lane, lose, note, publish, refresh } = options
  const server = config.id
  const fork = yield* FiberSet.makeRuntime()

  // However often a server says that its lists changed, they are fetched by one fiber, one time after the other.
  const stale = new Set<Catalogue.Kind>()
  const some = yield* Latch.make(false)
  yield* some.await.pipe(
    Effect.andThen(some.close),
    Effect.andThen(
      Attached.guard(
        Effect.suspend(() => {
          const kinds = [...stale]
          stale.clear()
          return refresh(kinds)
        }),
        lose
      )
    ),
    Effect.forever,
    Effect.forkScoped
  )

  // A server that prints junk may print a great deal of it.
  let faults = 0
  const fault = Effect.fnUntraced(function* (description: string) {
    faults++
    if (faults <= MAX_FAULTS) yield* log.warning(`${server} ${description}`, { server })
  })
  const count = Effect.suspend(() => {
    const silenced = faults - MAX_FAULTS
    faults = 0
    return silenced > 0 ? log.warning(`${server} did so ${silenced} more times`, { server }) : Effect.void
  })
  yield* Effect.forkScoped(Effect.repeat(Attached.guard(count, lose), Schedule.spaced(FAULT_WINDOW)))

  const changed = (kinds: ReadonlyArray<Catalogue.Kind>): void => {
    for (const kind of kinds) stale.add(kind)
    if (kinds.length > 0) some.openUnsafe()
  }

  const unrelated: Unrelated = {
    notification: (frame) => {
      const kinds = KINDS.filter((kind) => LIST[kind].changed === frame.method)
      if (kinds.length > 0) return changed(kinds)
      if (frame.method === "notifications/resources/updated") {
        const uri = Frame.valueAt(frame, "uri")
        if (typeof uri === "string") publish({ _tag: "ResourceUpdated", uri, frame })
        return
      }
      if (frame.method === "notifications/tasks") {
        const taskId = Frame.valueAt(frame, "taskId")
        if (typeof taskId === "string") publish({ _tag: "TaskChanged", taskId, frame })
        return
      }
      if (frame.method === "notifications/message" && lane._tag === "Shared") {
        const { severe, text } = logLine(frame)
        fork((severe ? serverLog.warning : serverLog.info)(text, { server }))
      }
      const caller = Routing.soleCaller(lane, calls())
      if (caller !== undefined) caller.notify(frame)
      else if (lane._tag === "Session") publish({ _tag: "Notification", frame })
    },
    ask: (frame) => Routing.ask(lane, calls(), frame, (text) => void fork(note(text))),
    fault: (description) => void fork(fault(description))
  }
  return { ...unrelated, changed }
})
