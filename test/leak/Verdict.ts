/** What is made of what a run has found. */
import { lastHalf, type Point, slope } from "./Slope.ts"

/** What there is of a proxy beside memory. */
export interface Belongings {
  /** Itself and all that it has started. */
  readonly processes: number
  readonly descriptors: number
  readonly timers: number
  /** Listeners of the process's own events. */
  readonly listeners: number
  /** What its event loop has to do with. */
  readonly resources: number
}

/** What is done again and again, and counted. */
export const UNITS = ["call", "crash", "session", "reload", "client"] as const
export type Unit = (typeof UNITS)[number]

/** Live bytes, in samples that are evenly far from each other. */
export interface Growth {
  readonly unit: Unit
  readonly samples: ReadonlyArray<Point>
}

export interface Findings {
  readonly before: Belongings
  /** Once all that was done had come to its end. */
  readonly after: Belongings
  readonly growth: ReadonlyArray<Growth>
  /** Processes with the run's marker after the proxy's own end. */
  readonly survivors: number
  /** What the platform complained of, and how the proxy ended if not in good order. */
  readonly warnings: ReadonlyArray<string>
}

/** Bytes that each may leave behind, in the long run. */
export const LIMITS: Readonly<Record<Unit, number>> = { call: 50, crash: 200, session: 100, reload: 500, client: 500 }

/**
 * By so many bytes a heap of which nothing is leaked differs from one collection to another: compiled code, caches of the
 * platform, pools. Where little is done, growth below that shows nothing, so what each may leave behind is more there.
 */
export const WANDERING = 150_000

/** How many bytes each of them may leave behind in a run that did so much between the first and the last of these samples. */
export const limit = ({ samples, unit }: Growth): number => {
  const counted = lastHalf(samples)
  const done = (counted.at(-1)?.[0] ?? 0) - (counted[0]?.[0] ?? 0)
  return Math.max(LIMITS[unit], Math.round(WANDERING / done))
}

/** How many bytes each has left behind. */
export const left = ({ samples }: Growth): number => Math.round(slope(lastHalf(samples)))

const NAMES = {
  processes: "processes",
  descriptors: "descriptors",
  timers: "timers",
  listeners: "listeners of the process's events",
  resources: "active resources"
} as const satisfies Record<keyof Belongings, string>

const KINDS = Object.keys(NAMES) as ReadonlyArray<keyof Belongings>

/** In words. */
export const show = (all: Belongings): string => KINDS.map((what) => `${all[what]} ${NAMES[what]}`).join(", ")

/** Of each kind the lesser number. */
export const least = (a: Belongings, b: Belongings): Belongings => ({
  processes: Math.min(a.processes, b.processes),
  descriptors: Math.min(a.descriptors, b.descriptors),
  timers: Math.min(a.timers, b.timers),
  listeners: Math.min(a.listeners, b.listeners),
  resources: Math.min(a.resources, b.resources)
})

/** What there is more of than before, in words. */
export const more = (before: Belongings, after: Belongings): ReadonlyArray<string> =>
  KINDS.flatMap((what) => (after[what] > before[what] ? [`${after[what]} ${NAMES[what]}, not ${before[what]}`] : []))

/** All that is wrong, in words; empty: nothing is leaked. */
export const problems = ({ after, before, growth, survivors, warnings }: Findings): ReadonlyArray<string> => [
  ...(survivors === 0 ? [] : [`${survivors} processes are left after the proxy's end`]),
  ...more(before, after),
  ...growth.flatMap((one) =>
    left(one) <= limit(one) ? [] : [`each ${one.unit} leaves ${left(one)} bytes behind; ${limit(one)} are allowed`]
  ),
  ...warnings
]

const signed = (count: number): string => (count < 0 ? String(count) : `+${count}`)

/** The run in one line. */
export const lastLine = ({ after, before, growth, survivors }: Findings): string => {
  const surplus = (what: keyof Belongings): string => signed(after[what] - before[what])
  const each = (unit: Unit): string => {
    const found = growth.find((one) => one.unit === unit)
    return found === undefined ? "?" : String(left(found))
  }
  return `leak: ${survivors} processes, ${surplus("descriptors")} fds, ${surplus("timers")} timers, ${each("call")} bytes/call, ${each("crash")} bytes/crash`
}
