/** What must hold after every step, and what must be left in the end. */
import { Streams } from "../../src/gateway/EventLogs.ts"
import { Fleet } from "../../src/fleet/Fleet.ts"
import { Limits } from "../../src/gateway/Limits.ts"
import { Parking } from "../../src/gateway/Parking.ts"
import { mostTimes, timesBegun } from "./judge.ts"
import type { Call } from "./Ledger.ts"
import { PEOPLE } from "./Step.ts"
import type { World } from "./World.ts"

type Invariant = (world: World) => string | undefined

const executedOnce: Invariant = (world) => {
  for (const call of world.ledger.all()) {
    const times = world.executions(call.tag).length
    if (times > 1 && times > mostTimes(world, call)) return `${call.tag} was carried out ${times} times`
  }
  return undefined
}

const deniedNeverReach: Invariant = (world) => {
  const reached = world.ledger.all().find(({ isDenied, tag }) => isDenied === true && world.executions(tag).length > 0)
  return reached === undefined ? undefined : `${reached.tag} was denied, and was carried out`
}

/** Who is told that a call did not get through makes it anew. */
const refusedNeverReach: Invariant = (world) => {
  const reached = world.ledger.all().find((call) => call.isRefused && timesBegun(world, call) > 0)
  return reached === undefined
    ? undefined
    : `${reached.tag} was said not to have got through, and was carried out after that`
}

const boundsHold: Invariant = ({ instance, schedule: { setup } }) => {
  const parked = instance.get(Parking).count()
  if (parked > setup.maxParked) return `${parked} calls are parked, of ${setup.maxParked}`
  const waiting = instance.get(Limits).waiting()
  const mostOfAll = PEOPLE.length * setup.perOwner.queued
  if (waiting > mostOfAll) return `${waiting} calls wait for their turn, of ${mostOfAll}`
  return undefined
}

interface Held {
  readonly call: Call
  readonly server: string
}

/** The calls that servers are carrying out, and can be told about. */
const heldBy = (world: World): ReadonlyArray<Held> =>
  [...world.estates].flatMap(([server, estate]) =>
    estate.isMute
      ? []
      : estate.open().flatMap(({ tag }): ReadonlyArray<Held> => {
          const call = world.ledger.find(tag)
          return call === undefined ? [] : [{ call, server }]
        })
  )

/** One that asked goes on above the bound once it has its answer; as many may ask at a time as may run. */
const exceeds = (held: ReadonlyArray<Held>, most: number): boolean =>
  held.length > 2 * most || held.filter(({ call }) => call.plan._tag !== "Ask").length > most

/** As servers see it: so many calls at a time for each, and of each person. */
const turnsAreTaken: Invariant = (world) => {
  const { perOwner, servers } = world.schedule.setup
  const held = heldBy(world)
  if (held.length === 0) return undefined
  for (const { name } of servers) {
    const here = held.filter(({ server }) => server === name)
    const most = world.configured.mostAtATime(name)
    if (exceeds(here, most)) return `${name} carries out ${here.length} calls, of ${most}`
  }
  for (const [person, name] of PEOPLE.entries()) {
    const theirs = held.filter(({ call }) => call.person === person)
    if (exceeds(theirs, perOwner.concurrent)) return `${name} has ${theirs.length} calls, of ${perOwner.concurrent}`
  }
  return undefined
}

/** Connections of each server under one configuration, the shared one left out: in all, and of each person. */
const lanesAreBounded: Invariant = ({ operator, schedule: { setup } }) => {
  for (const { name } of setup.servers) {
    for (const upstreams of Map.groupBy(operator.oversight.living(name), ({ config }) => config).values()) {
      const lanes = upstreams.flatMap(({ lane }) => (lane._tag === "Shared" ? [] : [lane]))
      if (lanes.length > setup.maxLanes) return `${name} has ${lanes.length} connections, of ${setup.maxLanes}`
      const people = lanes.flatMap((lane) => (lane._tag === "User" ? [lane.subject] : []))
      for (const { length } of Map.groupBy(people, (subject) => subject).values()) {
        if (length > setup.maxLanesPerUser)
          return `${name} has ${length} connections of one, of ${setup.maxLanesPerUser}`
      }
    }
  }
  return undefined
}

/** A version that has to have its server to itself runs beside none that was there before it. */
const replacedAlone: Invariant = ({ configured, processes }) => {
  const running = new Map<string, Set<string>>()
  for (const { command, env } of processes.running()) {
    const versions = running.get(command) ?? new Set()
    running.set(command, versions.add(String(env["VERSION"])))
  }
  for (const [command, versions] of running) {
    const [, ...later] = [...versions].sort((a, b) => Number(a) - Number(b))
    if (later.some((version) => configured.isAlone(command, version))) {
      return `${command} runs as versions ${[...versions].join(" and ")} at once`
    }
  }
  return undefined
}

const ALWAYS: Readonly<Record<string, Invariant>> = {
  "no call is carried out twice": executedOnce,
  "what is denied reaches nobody": deniedNeverReach,
  "what is refused reaches nobody": refusedNeverReach,
  "bounds hold": boundsHold
}

/** Only where all is at rest. */
const AT_REST: Readonly<Record<string, Invariant>> = {
  "turns are taken": turnsAreTaken,
  "lanes are bounded": lanesAreBounded,
  "what is replaced stops first": replacedAlone,
  "what is cancelled stops": (world) => {
    for (const call of world.ledger.all()) {
      if (call.unwanted === undefined || call.isDoubtful) continue
      const running = world
        .executions(call.tag)
        .find(
          ({ isReachable, server, state }) =>
            state === "open" && isReachable() && world.estates.get(server)?.isMute === false
        )
      if (running !== undefined) return `${call.tag} is wanted no more, and goes on`
    }
    return undefined
  }
}

const check = (world: World, invariants: Readonly<Record<string, Invariant>>): void => {
  for (const [name, invariant] of Object.entries(invariants)) {
    const text = invariant(world)
    if (text !== undefined) world.violate(name, text)
  }
}

export const afterStep = (world: World, isAtRest: boolean): void => {
  check(world, ALWAYS)
  if (isAtRest) check(world, AT_REST)
}

/** Once all clients are gone and everything has had its time. */
export const atEnd = (world: World): void => {
  const { instance } = world
  const left = (what: string, count: number): void => {
    if (count > 0) world.violate("nothing is left", `${count} ${what}`)
  }
  left("calls are parked", instance.get(Parking).count())
  left("lanes are open", instance.get(Fleet).lanes())
  left("bytes of streams are kept", instance.get(Streams).heldBytes)
  left("calls wait for their turn", instance.get(Limits).waiting())
  for (const [name, estate] of world.estates) {
    const going = estate.open().map(({ tag }) => tag)
    if (going.length > 0) world.violate("nothing is left", `${name} goes on with ${going.join(", ")}`)
    const running = world.processes.running().filter(({ command }) => command === name)
    const version = world.configured.version(name)
    const wanted = version !== undefined && estate.setup.transport === "stdio" ? 1 : 0
    if (running.length !== wanted) {
      world.violate("nothing is left", `${running.length} processes of ${name}, of which ${wanted} should be`)
    }
    const wrong = running.find(({ env }) => env["VERSION"] !== version)
    if (wrong !== undefined)
      world.violate("nothing is left", `${name} runs as version ${String(wrong.env["VERSION"])}, not ${version}`)
    const open = world.sites.get(name)?.open ?? []
    if (open.length > 1) world.violate("nothing is left", `exchanges with ${name} are open: ${open.join(", ")}`)
  }
}

/** Once the proxy has ended. */
export const afterwards = ({ instance, processes, sites, violate }: World): void => {
  if (instance.buffers.taken > 0)
    violate("nothing is left", `${instance.buffers.taken} bytes held by a proxy that has ended`)
  if (!instance.isOver) violate("it ends", "the proxy does not come to its end")
  if (instance.fibers > 0) violate("nothing is left", `${instance.fibers} fibers of a proxy that has ended`)
  if (instance.clock.sleeping > 0)
    violate("nothing is left", `${instance.clock.sleeping} timers of a proxy that has ended`)
  const running = processes.running().length
  if (running > 0) violate("nothing is left", `${running} processes of a proxy that has ended`)
  for (const [name, { open }] of sites) {
    if (open.length > 0) violate("nothing is left", `exchanges with ${name} are open: ${open.join(", ")}`)
  }
}
