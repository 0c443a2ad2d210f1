/** What must hold after every step, and what must be left in the end. */
import { Streams } from "../../src/gateway/EventLog.ts"
import { Fleet } from "../../src/fleet/Fleet.ts"
import { Parking } from "../../src/gateway/Parking.ts"
import type { World } from "./World.ts"

type Invariant = (world: World) => string | undefined

const executedOnce: Invariant = (world) => {
  for (const call of world.ledger.all()) {
    const times = world.executions(call.tag).length
    if (times > 1) return `${call.tag} was carried out ${times} times`
  }
  return undefined
}

const deniedNeverReach: Invariant = (world) => {
  const reached = world.ledger.all().find(({ isDenied, tag }) => isDenied === true && world.executions(tag).length > 0)
  return reached === undefined ? undefined : `${reached.tag} was denied, and was carried out`
}

const boundsHold: Invariant = ({ instance, schedule: { setup } }) => {
  const parked = instance.get(Parking).count()
  if (parked > setup.maxParked) return `${parked} calls are parked, of ${setup.maxParked}`
  return undefined
}

/** Of a server that is replaced, no two versions run at once. */
const replacedAlone: Invariant = ({ configured, processes }) => {
  const running = new Map<string, Set<string>>()
  for (const { command, env } of processes.running()) {
    const versions = running.get(command) ?? new Set()
    running.set(command, versions.add(String(env["VERSION"])))
  }
  for (const [command, versions] of running) {
    if (versions.size > 1 && configured.isAlone(command)) {
      return `${command} runs as versions ${[...versions].join(" and ")} at once`
    }
  }
  return undefined
}

const ALWAYS: Readonly<Record<string, Invariant>> = {
  "no call is carried out twice": executedOnce,
  "what is denied reaches nobody": deniedNeverReach,
  "bounds hold": boundsHold
}

/** Only where all is at rest. */
const AT_REST: Readonly<Record<string, Invariant>> = {
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
