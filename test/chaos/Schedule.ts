/** Which faults are injected when: chance, of which a seed is all that there is to know. */
import { random } from "../fuzz/mutate.ts"

export const KINDS = [
  "kill",
  "hang",
  "flood",
  "reset a client",
  "reset a server",
  "reload",
  "restart the proxy",
  "kill the proxy"
] as const

export type Kind = (typeof KINDS)[number]

export interface Planned {
  readonly kind: Kind
  /** Milliseconds from the beginning. */
  readonly at: number
  /** From 0 to below 1: which of those that are there it is done to. */
  readonly whom: number
  /** Which of its kind it is, from 0. */
  readonly nth: number
}

export type Counts = Readonly<Record<Kind, number>>

/** These concern everybody, so they are spread over the whole run. */
const isWide = (kind: Kind): boolean => kind === "restart the proxy" || kind === "kill the proxy"

const shuffled = <A>(items: ReadonlyArray<A>, next: () => number): ReadonlyArray<A> => {
  const all = [...items]
  for (let last = all.length - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1))
    const [a, b] = [all[last], all[other]]
    if (a === undefined || b === undefined) continue
    all[last] = b
    all[other] = a
  }
  return all
}

/** So many of each kind within so many milliseconds, in order of time; what takes longest to pass in the first half. */
export const plan = (seed: number, millis: number, counts: Counts): ReadonlyArray<Planned> => {
  const next = random(seed)
  const numbered = KINDS.flatMap((kind) => Array.from({ length: counts[kind] }, (_, nth) => ({ kind, nth })))
  const placed = [true, false].flatMap((wide) => {
    const some = shuffled(
      numbered.filter(({ kind }) => isWide(kind) === wide),
      next
    )
    const slot = millis / some.length
    return some.map(({ kind, nth }, index) => {
      const at = Math.round((index + next()) * slot)
      return { kind, nth, at: kind === "hang" ? Math.round(at / 2) : at, whom: next() }
    })
  })
  return placed.sort((a, b) => a.at - b.at)
}
