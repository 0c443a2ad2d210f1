/** What is logged during a test. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"

export interface LoggedLine {
  readonly level: string
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
  /** What went wrong, with its trace; empty where nothing did. */
  readonly cause: string
}

/** Collects all lines that the effect logs. */
export const collectingLogs = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, ReadonlyArray<LoggedLine>], E, R> => {
  const lines: Array<LoggedLine> = []
  const logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    const fields = fiber.getRef(References.CurrentLogAnnotations)
    lines.push({ level: logLevel, text, fields, cause: cause.reasons.length === 0 ? "" : Cause.pretty(cause) })
  })
  return Effect.map(effect, (value) => [value, lines] as const).pipe(
    Effect.provide(Logger.layer([logger])),
    Effect.provideService(References.MinimumLogLevel, "All")
  )
}
