/** Running a command whose result goes to standard output, and whose log, kept short, to standard error. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logging from "../observability/Logging.ts"
import * as AllSettings from "./AllSettings.ts"
import { endStart } from "./bounds.ts"
import * as Terminal from "./Terminal.ts"

/**
 * Runs with the settings of the environment. What concerns a single server is part of the result, so only errors are
 * logged, unless MCP_LOG_LEVEL asks for more than usual.
 */
export const quietly = <A, E, R>(run: (settings: AllSettings.AllSettings) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    // The work is what was started for, and may be much: all of an audit trail.
    yield* Effect.sync(endStart)
    const settings = yield* AllSettings.load
    const level = settings.log.level === "Info" ? "Fatal" : settings.log.level
    const logging = Logging.layer({ ...settings.log, level }, Terminal.stderr)
    return yield* run(settings).pipe(Effect.provide(Layer.fresh(logging)))
  })
