/** The classes of an upstream server's failures: what is known of one, and which class that makes it. */

/** Stable labels, as reports and metrics show them. */
export const FAILURE_CLASSES = [
  /** It refuses who we say we are. */
  "credentials",
  /** It asks for fewer requests. */
  "rate-limit",
  /** Its process ended, its connection broke, or it failed over a request. */
  "crash",
  /** It did not answer in time. */
  "timeout",
  /** It answers what is no MCP. */
  "protocol",
  /** There is no way to it: a command that does not start, an address where nobody answers. */
  "unreachable",
  /** Its entry cannot be meant as it stands. */
  "configuration"
] as const
export type FailureClass = (typeof FAILURE_CLASSES)[number]

/** How a connection, or the attempt at one, ended. `closed`: by our own hand. */
export const ENDINGS = ["unreachable", "ended", "silent", "unintelligible", "closed"] as const
export type Ending = (typeof ENDINGS)[number]

/** What is known of a failure. */
export interface Evidence {
  readonly ending?: Ending
  /** The HTTP status that said so. */
  readonly status?: number
  /** How long the server wants to be left alone. */
  readonly retryAfterMillis?: number
}

const BY_ENDING: Readonly<Record<Ending, FailureClass>> = {
  unreachable: "unreachable",
  ended: "crash",
  silent: "timeout",
  unintelligible: "protocol",
  closed: "crash"
}

const byStatus = (status: number, retryAfterMillis: number | undefined): FailureClass => {
  if (status === 401 || status === 403 || status === 407) return "credentials"
  if (status === 429 || (status === 503 && retryAfterMillis !== undefined)) return "rate-limit"
  if (status === 408 || status === 504) return "timeout"
  // Whoever stands before it says that it is not there.
  if (status === 502 || status === 503) return "unreachable"
  return status >= 500 ? "crash" : "protocol"
}

/** The class of a failure. A status says more than the way in which the connection ended. */
export const classify = ({ ending = "ended", retryAfterMillis, status }: Evidence): FailureClass =>
  status === undefined ? BY_ENDING[ending] : byStatus(status, retryAfterMillis)

/** The class as a status shows it to people. */
export const WORDS: Readonly<Record<FailureClass, string>> = {
  credentials: "credentials refused",
  "rate-limit": "rate limited",
  crash: "crashed",
  timeout: "timed out",
  protocol: "protocol error",
  unreachable: "unreachable",
  configuration: "misconfigured"
}
