/** What happens in the world of a seed. */
import { type Random, random, type Weighted } from "./random.ts"
import {
  type Change,
  CLIENTS,
  type Event,
  PEOPLE,
  type Plan,
  type Schedule,
  type ServerSetup,
  type Setup,
  type Step,
  TOOLS
} from "./Step.ts"

const NAMES = ["ash", "birch", "cedar"] as const

const SECOND = 1000
const HOUR = 3600 * SECOND

const serverOf = ({ chance, pick, weighted }: Random, name: string): ServerSetup => {
  const transport = weighted<"stdio" | "http">([
    [3, "stdio"],
    [2, "http"]
  ])
  const era = weighted<"legacy" | "modern">([
    [3, "legacy"],
    [1, "modern"]
  ])
  return {
    name,
    transport,
    era,
    isAsked: chance(0.3),
    isolation: weighted<"shared" | "user" | "session">([
      [1, "shared"],
      [1, "user"],
      [1, "session"]
    ]),
    reload: chance(0.5) ? "overlap" : "replace",
    isResumable: chance(0.5),
    isConfigured: chance(0.8),
    concurrent: pick([1, 2, 3, 256]),
    queued: pick([0, 1, 2, 1024]),
    failures: pick([2, 5]),
    isPinged: chance(0.4),
    isRepeated: chance(0.3)
  }
}

const setupOf = (random: Random): Setup => {
  const count = random.weighted([
    [4, 1],
    [3, 2],
    [2, 3]
  ])
  return {
    servers: NAMES.slice(0, count).map((name) => serverOf(random, name)),
    naming: random.chance(0.5) ? "auto" : "always",
    maxLanes: random.pick([2, 3, 64]),
    maxLanesPerUser: random.pick([1, 2, 16, 16]),
    perOwner: { concurrent: random.pick([1, 2, 4, 64]), queued: random.pick([0, 2, 256]) },
    maxParked: random.pick([2, 3, 50]),
    maxParkedOfOne: random.pick([1, 2, 50]),
    operations: random.pick([2048, 2048, 61, 17])
  }
}

/** Kinds of what can happen, each with its weight. */
type Kinds<A> = readonly [Weighted<() => A>, ...ReadonlyArray<Weighted<() => A>>]

/**
 * Some kinds happen often in one world and never in another: what takes two rare ones to go wrong is rare only where all
 * are rare. The first kind there always is.
 */
const favouring = <A>({ pick, weighted }: Random, [first, ...others]: Kinds<A>): (() => A) => {
  const favoured: Kinds<A> = [
    first,
    ...others.map(([weight, kind]): Weighted<() => A> => [weight * pick([0, 0.5, 1, 1, 4]), kind])
  ]
  return () => weighted(favoured)()
}

const plansOf = (random: Random): (() => Plan) => {
  const { below, spread } = random
  return favouring<Plan>(random, [
    [6, () => ({ _tag: "Quick" })],
    [2, () => ({ _tag: "Progress", steps: 1 + below(3) })],
    [4, () => ({ _tag: "Later", millis: spread(1, 8 * SECOND) })],
    [5, () => ({ _tag: "Held" })],
    [1, () => ({ _tag: "Never" })],
    [8, () => ({ _tag: "Ask", rounds: 1 + below(2) })],
    [1, () => ({ _tag: "Crash" })],
    [1, () => ({ _tag: "Error" })],
    [1, () => ({ _tag: "Twice" })]
  ])
}

const eventsOf = (random: Random, { servers }: Setup): (() => Event) => {
  const { below, chance, pick, spread, weighted } = random
  const plan = plansOf(random)
  const client = () => below(CLIENTS.length)
  const server = () => servers[below(servers.length)]?.name ?? NAMES[0]
  const nth = () => below(4)
  const tool = () => pick(TOOLS)
  const change = favouring<Change>(random, [
    [5, () => ({ _tag: "Rebuild", server: server() })],
    [2, () => ({ _tag: "Filter", server: server(), tool: tool() })],
    [2, () => ({ _tag: "Toggle", server: server() })],
    [1, () => ({ _tag: "Mode", server: server() })],
    [1, () => ({ _tag: "Bounds", server: server() })],
    [1, () => ({ _tag: "Reorder" })],
    [0.5, () => ({ _tag: "Naming" })],
    [0.5, () => ({ _tag: "Nothing" })]
  ])
  return favouring<Event>(random, [
    [30, () => ({ _tag: "Call", client: client(), server: server(), tool: tool(), plan: plan() })],
    [5, () => ({ _tag: "Begin", client: client() })],
    [1.5, () => ({ _tag: "End", client: client() })],
    [3, () => ({ _tag: "Listen", client: client() })],
    [1, () => ({ _tag: "Unlisten", client: client() })],
    [5, () => ({ _tag: "Cancel", client: client(), nth: nth() })],
    [5, () => ({ _tag: "Drop", client: client(), nth: nth() })],
    [2, () => ({ _tag: "Resume", client: client(), nth: nth() })],
    [
      12,
      () => ({
        _tag: "Reply",
        client: client(),
        nth: nth(),
        how: weighted([
          [6, "accept"],
          [1, "decline"],
          [1, "error"],
          [2, "twice"]
        ])
      })
    ],
    [3, () => ({ _tag: "List", client: client() })],
    [12, () => ({ _tag: "Answer", server: server(), nth: nth() })],
    [3, () => ({ _tag: "Exit", server: server(), nth: nth() })],
    [1, () => ({ _tag: "Mute", server: server(), isOn: chance(0.4) })],
    [1, () => ({ _tag: "Slow", server: server(), millis: chance(0.5) ? 0 : spread(1, 8 * SECOND) })],
    [1, () => ({ _tag: "Missing", server: server(), isOn: chance(0.4) })],
    [2, () => ({ _tag: "Relist", server: server() })],
    [2, () => ({ _tag: "Expire", server: server() })],
    [1, () => ({ _tag: "Busy", server: server(), times: 1 + below(3) })],
    [7, () => ({ _tag: "Reload", change: change() })],
    [2, () => ({ _tag: "Rules", person: below(PEOPLE.length), server: server(), tool: tool() })],
    [0.5, () => ({ _tag: "Stop" })],
    [0.5, () => ({ _tag: "Kill" })],
    [14, () => ({ _tag: "Pass", millis: spread(1, 6 * SECOND) })],
    [1.5, () => ({ _tag: "Jump", millis: spread(SECOND, 26 * HOUR) })]
  ])
}

/** The schedule of a seed, always the same. */
export const scheduleOf = (seed: number): Schedule => {
  const numbers = random(seed)
  const setup = setupOf(numbers)
  const event = eventsOf(numbers, setup)
  const turns = () => (numbers.chance(0.75) ? undefined : numbers.chance(0.5) ? 0 : numbers.spread(1, 200))
  const count = 10 + numbers.below(26)
  const opening: ReadonlyArray<Step> = [
    { event: { _tag: "Begin", client: numbers.below(3) }, turns: turns() },
    { event: { _tag: "Begin", client: numbers.below(3) }, turns: turns() }
  ]
  const steps = Array.from({ length: count }, (): Step => ({ event: event(), turns: turns() }))
  return { seed, setup, steps: [...opening, ...steps] }
}
