/** What state one connection to a server is in, and how to say it. */
import { type FailureClass, WORDS } from "./UpstreamFailure.ts"

export type UpstreamStatus =
  /** Being started for the first time, or once more because a call asked for it. */
  | { readonly _tag: "Starting" }
  | { readonly _tag: "Ready" }
  /** Will be tried again by itself: `attempt` restarts so far, the next at `nextAt` (epoch milliseconds). */
  | {
      readonly _tag: "BackingOff"
      readonly attempt: number
      readonly nextAt: number
      readonly failure: FailureClass
      readonly reason: string
    }
  /**
   * Given up until a call or a change of configuration gives it one more try; a call not before `retryAt` (epoch
   * milliseconds), where there is one.
   */
  | {
      readonly _tag: "Failed"
      readonly failure: FailureClass
      readonly reason: string
      readonly retryAt: number | undefined
    }
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

/** The class of what is wrong; undefined where nothing is. */
export const failureOf = (status: UpstreamStatus): FailureClass | undefined =>
  "failure" in status ? status.failure : undefined

/** How long, seen at `now`, there is no use in asking again; undefined where nobody knows. */
export const retryAfterMillis = (status: UpstreamStatus, now: number): number | undefined => {
  const at = status._tag === "BackingOff" ? status.nextAt : status._tag === "Failed" ? status.retryAt : undefined
  return at === undefined ? undefined : Math.max(0, at - now)
}

/** A time in whole seconds, never less than it is. */
export const seconds = (millis: number): string => `${Math.ceil(millis / 1000)} s`

/** The status with the class of its failure and its reason, seen at `now` (epoch milliseconds). */
export const describe = (status: UpstreamStatus, now: number): string => {
  const wait = retryAfterMillis(status, now) ?? 0
  switch (status._tag) {
    case "BackingOff": {
      const next = status.failure === "rate-limit" ? "next try" : `restart ${status.attempt}`
      const when = wait > 0 ? `in ${seconds(wait)}` : "now"
      return `backing off (${WORDS[status.failure]}; ${next} ${when}): ${status.reason}`
    }
    case "Failed": {
      const next = wait > 0 ? `; a call may try again in ${seconds(wait)}` : ""
      return `failed (${WORDS[status.failure]}${next}): ${status.reason}`
    }
    default:
      return label(status)
  }
}
