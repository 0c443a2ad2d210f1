/** The command line: its commands, its exit codes, and what it does when it is told to stop. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Command from "effect/cli/Command"
import { VERSION } from "../observability/Version.ts"
import * as Settings from "../settings/Settings.ts"
import { root } from "./root.ts"
import { untilToldOtherwise } from "./signals.ts"
import * as Terminal from "./Terminal.ts"
import * as Uncaught from "./Uncaught.ts"

/** What a failure is to a person: its message; a defect's trace, for it is ours. */
const complain = (cause: Cause.Cause<unknown>) =>
  Effect.sync(() => {
    if (Cause.hasInterruptsOnly(cause)) return
    const failures = cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)
    const texts = failures.map((error) => (error instanceof Error ? error.message : String(error)))
    Terminal.stderr.write(texts.length > 0 ? texts.join("\n") : Cause.pretty(cause))
  })

const platform = Layer.provideMerge(Settings.layerDotEnv, NodeServices.layer)

/** What the arguments of this process ask for. */
export const commandLine = Command.run(root, { version: VERSION })

/** The command-line parser has told the person itself what was wrong with the arguments. */
function isReported(cause: Cause.Cause<unknown>): boolean {
  return cause.reasons.some((reason) => Cause.isFailReason(reason) && isShowHelp(reason.error))
}

const isShowHelp = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "ShowHelp"

/** Runs a program as the whole of this process. */
export const run = <E>(program: Effect.Effect<void, E, Layer.Success<typeof platform>>): void =>
  program.pipe(
    Uncaught.guard,
    Effect.tapCause((cause) => (isReported(cause) ? Effect.void : complain(cause))),
    untilToldOtherwise,
    Effect.provide(platform),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      // Being told to stop, and having stopped, is success.
      teardown: (exit, onExit) =>
        Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? onExit(0) : Runtime.defaultTeardown(exit, onExit)
    })
  )
