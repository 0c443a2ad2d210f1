/** How long a server wants to be left alone (RFC 9110, §10.2.3). */

/** However short a time is asked for, and however long a one. */
const LEAST_MILLIS = 1000
const MOST_MILLIS = 3_600_000

const SECONDS = /^\s*(\d+)\s*$/u

/** An HTTP date in any of its three forms (RFC 9110, §5.6.7): each begins with the name of a day. */
const DATE = /^\s*(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/u

/** The wait, within its bounds. */
export const bounded = (millis: number): number => Math.min(MOST_MILLIS, Math.max(LEAST_MILLIS, millis))

/** The wait in milliseconds from `now` (epoch milliseconds) that a header's value asks for; undefined where it has none. */
export const parse = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined) return undefined
  const seconds = SECONDS.exec(value)?.[1]
  if (seconds !== undefined) return bounded(Number(seconds) * 1000)
  const at = DATE.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? undefined : bounded(at - now)
}
