/** What state one connection to a server is in, and how to say it. */

export type UpstreamStatus =
  /** Being started for the first time, or once more because a call asked for it. */
  | { readonly _tag: "Starting" }
  | { readonly _tag: "Ready" }
  /** Will be tried again by itself: `attempt` restarts so far, the next at `nextAt` (epoch milliseconds). */
  | { readonly _tag: "BackingOff"; readonly attempt: number; readonly nextAt: number; readonly reason: string }
  /** Given up until a call or a change of configuration gives it one more try. */
  | { readonly _tag: "Failed"; readonly reason: string }
  | { readonly _tag: "Stopped" }

export const starting: UpstreamStatus = { _tag: "Starting" }
export const ready: UpstreamStatus = { _tag: "Ready" }
export const stopped: UpstreamStatus = { _tag: "Stopped" }

/** The status in one word, as pages and tables show it. */
export const label = (status: UpstreamStatus): string => {
  switch (status._tag) {
    case "Starting":
      return "starting"
    case "Ready":
      return "ready"
    case "BackingOff":
      return "backing off"
    case "Failed":
      return "failed"
    case "Stopped":
      return "stopped"
  }
}

/** The status with its reason, seen at `now` (epoch milliseconds). */
export const describe = (status: UpstreamStatus, now: number): string => {
  switch (status._tag) {
    case "BackingOff": {
      const seconds = Math.max(0, Math.ceil((status.nextAt - now) / 1000))
      return `backing off (restart ${status.attempt} in ${seconds} s): ${status.reason}`
    }
    case "Failed":
      return `failed: ${status.reason}`
    default:
      return label(status)
  }
}
