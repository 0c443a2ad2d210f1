/**
 * A circuit breaker. After so many failed calls in a row the circuit is open: no call is made for a while. Then it is half
 * open: one call tries. If that succeeds the circuit is closed again, else it rests for twice as long.
 *
 * Calls that fail together are one failure: a call that was under way already when a failure was counted counts only if
 * a second has passed since. A crash under fifty calls is one crash.
 */
import type { FailureClass } from "./UpstreamFailure.ts"

export interface Options {
  /** Failures in a row by which the circuit opens; at least 1. */
  readonly failures: number
  /** The first rest; it doubles up to six times this. */
  readonly restMillis: number
}

export const DEFAULTS: Options = { failures: 5, restMillis: 10_000 }

/** The failure that opened a circuit. */
export interface Why {
  readonly failure: FailureClass
  readonly reason: string
}

/** `generation` tells the calls of one stretch from those of another; a call keeps that under which it was admitted. */
export type Circuit =
  | {
      readonly _tag: "Closed"
      readonly generation: number
      /** Calls of earlier generations were made before the circuit closed: what becomes of them is old news. */
      readonly since: number
      readonly failures: number
      /** When the last failure was counted (epoch milliseconds). */
      readonly countedAt: number
    }
  | {
      /** `until` is when the next call may try. In half-open one is under way, and has until then to come back. */
      readonly _tag: "Open" | "HalfOpen"
      readonly generation: number
      readonly until: number
      /** How often in a row it has opened. */
      readonly openings: number
      readonly why: Why
    }

const BURST_MILLIS = 1000
const LONGEST_REST = 6

const closedAt = (generation: number): Circuit => ({
  _tag: "Closed",
  generation,
  since: generation,
  failures: 0,
  countedAt: 0
})

export const closed: Circuit = closedAt(0)

const restAfter = (openings: number, { restMillis }: Options): number =>
  restMillis * Math.min(LONGEST_REST, 2 ** (openings - 1))

/** Until when (epoch milliseconds) calls are refused; undefined where one may go. */
export const refusedUntil = (circuit: Circuit, now: number): number | undefined =>
  circuit._tag === "Closed" || now >= circuit.until ? undefined : circuit.until

/** A call that is not refused goes. Its ticket is the generation of what is returned. */
export const admit = (circuit: Circuit, now: number, options: Options): Circuit =>
  circuit._tag === "Closed"
    ? circuit
    : {
        ...circuit,
        _tag: "HalfOpen",
        generation: circuit.generation + 1,
        // Whoever tries may take its time; the others need not wait for longer than they would have.
        until: now + restAfter(circuit.openings, options)
      }

/** What was called so far is gone, and what is called from now on has failed nobody yet. */
export const renew = ({ generation }: Circuit): Circuit => closedAt(generation + 1)

/** A call was answered. */
export const succeed = (circuit: Circuit, ticket: number): Circuit => {
  if (circuit._tag === "Closed") return circuit.failures === 0 ? circuit : { ...circuit, failures: 0 }
  if (circuit._tag === "Open" || ticket !== circuit.generation) return circuit
  return renew(circuit)
}

/** A call failed in a way that speaks against the server. */
export const fail = (circuit: Circuit, ticket: number, now: number, why: Why, options: Options): Circuit => {
  const generation = circuit.generation + 1
  if (circuit._tag === "Closed") {
    const isBurst = ticket !== generation - 1 && now - circuit.countedAt < BURST_MILLIS
    if (isBurst || ticket < circuit.since) return circuit
    const failures = circuit.failures + 1
    return failures < options.failures
      ? { ...circuit, generation, failures, countedAt: now }
      : { _tag: "Open", generation, openings: 1, until: now + restAfter(1, options), why }
  }
  if (circuit._tag === "Open" || ticket !== circuit.generation) return circuit
  const openings = circuit.openings + 1
  return { _tag: "Open", generation, openings, until: now + restAfter(openings, options), why }
}

/** A call ended without saying anything about the server: if it was the one that tried, the next may try at once. */
export const release = (circuit: Circuit, ticket: number, now: number): Circuit =>
  circuit._tag === "HalfOpen" && ticket === circuit.generation
    ? { ...circuit, _tag: "Open", generation: circuit.generation + 1, until: now }
    : circuit

/** The server has shown signs of life: the next call may try at once. */
export const hasten = (circuit: Circuit, now: number): Circuit =>
  circuit._tag === "Open" && circuit.until > now ? { ...circuit, until: now } : circuit
