/**
 * Is a server still there? What follows from one look a second at its connection. Times are counted in looks.
 *
 * A server that says nothing is pinged. It hangs if it leaves a ping unanswered, and is silent altogether, though a call
 * has just been given up or though nothing is asked of it. While a call may still be answered it does not hang: one call
 * may keep the whole of a server busy.
 */

export interface Limits {
  /** How long a server may be silent before it is pinged. */
  readonly every: number
  /** How long it may take to answer a ping. */
  readonly within: number
}

export interface Pulse {
  /** When the ping that is not answered yet was sent. */
  readonly pingedAt: number | undefined
  /** When the last ping was sent. */
  readonly lastPingAt: number
  /** Since when something is heard while that ping is not answered. */
  readonly heardSince: number | undefined
  /** When a call was last given up for silence, if nothing was heard since. */
  readonly suspectedAt: number | undefined
  readonly hasAnswered: boolean
  /** It is there, and answers no pings. */
  readonly isDeaf: boolean
  /** Was it said that it answers no pings? */
  readonly isNoted: boolean
}

/** What is seen at one look. */
export interface Seen {
  readonly now: number
  /** When the server last said anything. */
  readonly heardAt: number
  /** How many calls may still be answered. */
  readonly calls: number
  /** Was a call given up just now because of its silence? */
  readonly gaveUp: boolean
  /** May the server be pinged at present? */
  readonly mayPing: boolean
}

export type Verdict =
  | "fine"
  /** It is to be pinged. */
  | "ping"
  | "hung"
  /** It does not answer pings: to be noted, once. */
  | "unanswered"

export const initial: Pulse = {
  pingedAt: undefined,
  lastPingAt: 0,
  heardSince: undefined,
  suspectedAt: undefined,
  hasAnswered: false,
  isDeaf: false,
  isNoted: false
}

const note = (pulse: Pulse): readonly [Pulse, Verdict] =>
  pulse.isNoted ? [pulse, "fine"] : [{ ...pulse, isNoted: true }, "unanswered"]

/** While a ping is out. */
const waiting = (
  before: Pulse,
  pingedAt: number,
  { calls, heardAt, now }: Seen,
  { within }: Limits
): readonly [Pulse, Verdict] => {
  const pulse = before.heardSince === undefined && heardAt >= pingedAt ? { ...before, heardSince: heardAt } : before
  // What was held up is let go in some order, and the answer to the ping may come last; but not for long.
  if (pulse.heardSince !== undefined && heardAt - pulse.heardSince >= within) {
    return note({ ...pulse, pingedAt: undefined, isDeaf: true })
  }
  if (now - Math.max(pingedAt, heardAt) < within) return [pulse, "fine"]
  if (pulse.suspectedAt !== undefined) return [pulse, pulse.isDeaf ? "fine" : "hung"]
  if (calls > 0) return [pulse, "fine"]
  return pulse.hasAnswered ? [pulse, "hung"] : note(pulse)
}

/** One look: what is known now, and what is to be done. */
export const look = (before: Pulse, seen: Seen, limits: Limits): readonly [Pulse, Verdict] => {
  const { gaveUp, heardAt, mayPing, now } = seen
  const isCleared = before.suspectedAt !== undefined && heardAt >= before.suspectedAt
  const suspectedAt = gaveUp ? now : isCleared ? undefined : before.suspectedAt
  const pulse = suspectedAt === before.suspectedAt ? before : { ...before, suspectedAt }
  if (pulse.pingedAt !== undefined) return waiting(pulse, pulse.pingedAt, seen, limits)
  const isSuspected = suspectedAt !== undefined && pulse.lastPingAt < suspectedAt
  const isDue = isSuspected || now - Math.max(heardAt, pulse.lastPingAt) >= limits.every
  return isDue && mayPing
    ? [{ ...pulse, pingedAt: now, lastPingAt: now, heardSince: undefined }, "ping"]
    : [pulse, "fine"]
}

/** The ping was answered, whatever the answer. */
export const answered = (pulse: Pulse): Pulse => ({ ...initial, lastPingAt: pulse.lastPingAt, hasAnswered: true })
