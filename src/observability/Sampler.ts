/** Which traces are kept (OpenTelemetry, "Trace SDK", §Sampling). */
import type { TraceContext } from "../domain/TraceContext.ts"

/** The names that OTEL_TRACES_SAMPLER knows, and that we do. */
export const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio"
] as const
export type SamplerName = (typeof SAMPLERS)[number]

/** Is a span of that trace kept? `parent` is who it comes from, ours or another program's. */
export type Sampler = (traceId: string, parent: TraceContext | undefined) => boolean

/**
 * The last 56 bits of a trace's id are random, for all programs the same (W3C Trace Context 2, §Random Trace ID Flag). So
 * many digits of them as a number can hold.
 */
const randomOf = (traceId: string): number => Number.parseInt(traceId.slice(-14, -1), 16) / 2 ** 52

const ratioOf = (name: SamplerName, ratio: number): number =>
  name.endsWith("always_on") ? 1 : name.endsWith("always_off") ? 0 : ratio

/** `ratio`, from 0 to 1, counts where the name speaks of one. */
export const make = (name: SamplerName, ratio: number): Sampler => {
  const share = ratioOf(name, ratio)
  const followsParent = name.startsWith("parentbased_")
  return (traceId, parent) => (followsParent && parent !== undefined ? parent.sampled : randomOf(traceId) < share)
}
