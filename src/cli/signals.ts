/** What comes from outside the program's own logic: signals, and the wrapper's end. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { Socket } from "node:net"
import { WRAPPER_VARIABLE } from "./relaunch.ts"
import * as Terminal from "./Terminal.ts"

/** Seen to by the runtime. */
const STOPPING = ["SIGINT", "SIGTERM"] as const

/** Is there somebody whom SIGHUP tells something else than to stop? */
let hasOtherUse = false

/**
 * SIGHUP, where it is the word of whoever runs a program in the background. At a terminal it says that the terminal is gone,
 * and stops the program as everywhere else.
 */
export const hangups: Stream.Stream<void> = Terminal.stdout.isTerminal
  ? Stream.never
  : Stream.callback<void>((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const take = () => void Queue.offerUnsafe(queue, undefined)
          hasOtherUse = true
          process.on("SIGHUP", take)
          return take
        }),
        (take) =>
          Effect.sync(() => {
            hasOtherUse = false
            process.off("SIGHUP", take)
          })
      )
    )

/** Succeeds when the program is to stop for a reason that the runtime does not know. */
const toldToStop = Effect.callback<void>((resume) => {
  const stop = () => resume(Effect.void)
  const hangUp = () => (hasOtherUse ? undefined : stop())
  process.on("SIGHUP", hangUp)
  // Set by our own wrapper, not by a person: no setting.
  // @effect-diagnostics-next-line processEnvInEffect:off
  const descriptor = Number(process.env[WRAPPER_VARIABLE])
  const wrapper = descriptor > 2 ? new Socket({ fd: descriptor, readable: true }) : undefined
  wrapper?.on("close", stop).on("error", stop).resume().unref()
  return Effect.sync(() => {
    process.off("SIGHUP", hangUp)
    wrapper?.destroy()
  })
})

/** Ctrl-C at a terminal reaches us and our wrapper, which passes it on: what comes so soon after is the same key press. */
const ECHO_MILLIS = 300

/** The second signal ends at once what the first one did not end soon enough. */
const impatience = Effect.acquireRelease(
  Effect.sync(() => {
    // Set by our own wrapper, not by a person: no setting.
    // @effect-diagnostics-next-line processEnvInEffect:off
    const echo = process.env[WRAPPER_VARIABLE] === undefined ? 0 : ECHO_MILLIS
    let signals = 0
    let first = 0
    const count = (signal: NodeJS.Signals) => {
      if (signal === "SIGHUP" && hasOtherUse) return
      signals++
      if (signals === 1) first = performance.now()
      if (signals === 1 || performance.now() - first < echo) return
      Terminal.stderr.write("Stopped at once.")
      // The children's process groups are ended by the exit handlers of whoever started them, and by the sidecar.
      process.exit(130)
    }
    for (const signal of [...STOPPING, "SIGHUP"] as const) process.on(signal, count)
    return count
  }),
  (count) =>
    Effect.sync(() => {
      for (const signal of [...STOPPING, "SIGHUP"] as const) process.off(signal, count)
    })
)

/** Runs a program until it ends, or is told to stop. */
export const untilToldOtherwise = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A | void, E, R> =>
  Effect.scoped(Effect.andThen(impatience, Effect.raceFirst(program, toldToStop)))
