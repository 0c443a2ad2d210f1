/** Where in which trace a request stands, as W3C Trace Context writes it in headers and MCP in `_meta` (SEP-414). Pure. */

export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits: the span that the request comes from. */
  readonly spanId: string
  /** Does whoever sent it keep this trace? */
  readonly sampled: boolean
  /** What tracing systems on the way want to be told, verbatim. */
  readonly state: string | undefined
}

/** The names of both parts, in headers and in `_meta` alike. */
export const KEY = { parent: "traceparent", state: "tracestate" } as const

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/u

const NO_TRACE = "0".repeat(32)
const NO_SPAN = "0".repeat(16)

/** It may go into a header as it is; longer ones nobody has to carry (§3.3.1.5). */
const STATE = /^[\x20-\x7e]{1,512}$/u

/** Undefined where `traceparent` is none, and then `tracestate` means nothing either (§3.2, §3.3). */
export const parse = (parent: unknown, state: unknown): TraceContext | undefined => {
  const [, version, traceId = "", spanId = "", flags = "", more] =
    PARENT.exec(typeof parent === "string" ? parent : "") ?? []
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined
  return {
    traceId,
    spanId,
    sampled: (Number.parseInt(flags, 16) & 1) === 1,
    state: typeof state === "string" && STATE.test(state) ? state : undefined
  }
}

/** The value of `traceparent`, in the version that we know. */
export const parentOf = ({ sampled, spanId, traceId }: TraceContext): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`
