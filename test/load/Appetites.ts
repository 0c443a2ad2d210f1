/** Who calls, how often, and for how much: principals of very different appetite. */
import { type Address, call, echo, type Prepared } from "../../bench/load/Messages.ts"
import type { Pace } from "./SlowReader.ts"

/** What a client of theirs asks for, again and again. */
export type Habit =
  /** One call after another. */
  | { readonly _tag: "Calls"; readonly requests: (address: Address) => ReadonlyArray<Prepared>; readonly pause: number }
  /** Several calls in one go, whose answers it reads slowly. */
  | { readonly _tag: "Reads"; readonly bytes: number; readonly atOnce: number; readonly pace: Pace }

export interface Appetite {
  readonly principal: string
  readonly clients: number
  readonly habit: Habit
}

const KIB = 1024
const MIB = 1024 * KIB

/** The server that takes its time, and is given few calls at a time; the server of large answers. */
export const SERVERS = { narrow: "narrow", wide: "wide" } as const

/** Calls at a time, and how long each takes: 80 calls a second is what there is to share. */
export const NARROW = { concurrent: 8, millis: 100 }

const slow = (address: Address) => [call(address, `${SERVERS.narrow}_slow`, { millis: NARROW.millis })]
const echoes = (sizes: ReadonlyArray<number>) => (address: Address) =>
  sizes.map((bytes) => echo(address, bytes, `${SERVERS.wide}_echo`))

export const MODEST = "modest"
export const FLOOD = "flood"
export const READERS = "readers"

/** 500 clients; or fewer of them, but as much of a flood, and of what is read slowly, as makes a difference. */
export const appetites = (isShort: boolean): ReadonlyArray<Appetite> => {
  const share = (clients: number): number => (isShort ? Math.ceil(clients / 5) : clients)
  const paced = (requests: (address: Address) => ReadonlyArray<Prepared>, pause: number): Habit => ({
    _tag: "Calls",
    requests,
    pause
  })
  const mixed = echoes([100, KIB, 10 * KIB, 100, 100 * KIB])
  return [
    { principal: MODEST, clients: 5, habit: paced(slow, 300) },
    { principal: FLOOD, clients: 300, habit: paced(slow, 0) },
    { principal: "team-1", clients: share(50), habit: paced(mixed, 3000) },
    { principal: "team-2", clients: share(50), habit: paced(mixed, 4000) },
    { principal: "team-3", clients: share(45), habit: paced(mixed, 5000) },
    { principal: "bulk", clients: share(20), habit: paced(echoes([MIB]), 10_000) },
    {
      principal: READERS,
      clients: isShort ? 12 : 30,
      habit: {
        _tag: "Reads",
        bytes: MIB,
        atOnce: 6,
        pace: { bytes: 64 * KIB, millis: 50 }
      }
    }
  ]
}
