/** How soon, and how often, a server that went away is brought back. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { RestartOptions, ServerConfig } from "../domain/ServerConfig.ts"
import * as Setting from "../settings/Setting.ts"

export const settings = {
  restartDelay: Setting.optionalDuration({
    name: "MCP_RESTART_DELAY",
    description:
      "Wait before a crashed server is restarted: n, 2n, 3n … up to 30 s, each a fifth more or less. Unset: 1, 2, 4, 8, 16, 30 s. A server's own restart.delay wins."
  })
}

const DEFAULTS: RestartOptions = {
  maxAttempts: 10,
  delay: Duration.seconds(1),
  maxDelay: Duration.seconds(30)
}

const JITTER = 0.2

/** A server that stayed up this long has recovered: its next crash is its first again. */
export const STABLE = Duration.minutes(1)

/** 1, 2, 4, 8, 16, then 30 seconds; ten restarts in all, unless told otherwise. */
export const exponential = ({ delay, maxAttempts, maxDelay }: RestartOptions) =>
  Schedule.min([Schedule.exponential(delay), Schedule.spaced(maxDelay)]).pipe(Schedule.upTo({ times: maxAttempts }))

/** n, 2n, 3n … up to the longest wait. */
export const linear = ({ delay, maxAttempts, maxDelay }: RestartOptions) =>
  Schedule.min([
    Schedule.addDelay(Schedule.forever, ({ output }) => Effect.succeed(Duration.times(delay, output + 1))),
    Schedule.spaced(maxDelay)
  ]).pipe(Schedule.upTo({ times: maxAttempts }))

/** The longest wait between two restarts of a server. */
export const longest = (restart: ServerConfig["restart"]): Duration.Duration =>
  (restart === false ? undefined : restart?.maxDelay) ?? DEFAULTS.maxDelay

/** A wait, a fifth longer or shorter: servers that went away together do not come back together. `random` is in [0, 1). */
export const jittered = (delay: Duration.Duration, random: number): Duration.Duration =>
  Duration.millis(Math.round(Duration.toMillis(delay) * (1 + JITTER * (2 * random - 1))))

/** The policy of a server: its own delay, else the process-wide one, else the default. */
export const of = (restart: ServerConfig["restart"], processWide: Option.Option<Duration.Duration>) => {
  const options = { ...DEFAULTS, ...(restart === false ? { maxAttempts: 0 } : restart) }
  const isOwn = restart !== undefined && restart !== false && restart.delay !== undefined
  return !isOwn && Option.isSome(processWide) ? linear({ ...options, delay: processWide.value }) : exponential(options)
}
