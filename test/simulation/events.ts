/** Has happen in a world what a step says. */
import { pick } from "./Client.ts"
import type { Call } from "./Ledger.ts"
import { CLIENTS, type Event, type Step } from "./Step.ts"
import type { World } from "./World.ts"

const MINUTE = 60_000

/** Makes a call, with all that may excuse it from the beginning. */
export const call = (world: World, made: Pick<Call, "client" | "person" | "server" | "tool" | "plan">): void => {
  const { client, person, plan, server, tool } = made
  const begun = world.ledger.begin({
    ...made,
    isDenied: world.isSettled ? world.isDenied(person, server, tool) : undefined
  })
  if (!world.isSettled) world.excuses.excuse(begun, "names")
  if (!world.isSound(server) || plan._tag === "Crash") world.excuses.excuse(begun, "server")
  if (!world.operator.isUp) world.excuses.excuse(begun, "gateway")
  world.clients[client]?.call(begun)
}

/** Does what an event says, and lets nothing of it happen yet. */
const act = (world: World, event: Event): void => {
  const client = "client" in event ? world.clients[event.client] : undefined
  const estate = "server" in event ? world.estates.get(event.server) : undefined
  const site = "server" in event ? world.sites.get(event.server) : undefined
  switch (event._tag) {
    case "Begin":
      return client?.begin()
    case "End":
      world.excuses.all("session", (call) => call.client === event.client)
      return client?.end()
    case "Listen":
      return client?.listen()
    case "Unlisten":
      return client?.unlisten()
    case "Call": {
      const setup = CLIENTS[event.client]
      if (client?.isReady() !== true || setup === undefined) return undefined
      const { plan, server, tool } = event
      const { person } = setup
      return call(world, { client: event.client, person, server, tool, plan })
    }
    case "Cancel":
      return client?.cancel(event.nth)
    case "Drop":
      return client?.drop(event.nth)
    case "Resume":
      return client?.resume(event.nth)
    case "Reply":
      return client?.reply(event.nth, event.how)
    case "List":
      return client?.list()
    case "Answer": {
      const held = estate?.held ?? []
      const answer = pick(held, event.nth)
      if (estate !== undefined) estate.held = held.filter((other) => other !== answer)
      return answer?.()
    }
    case "Exit": {
      world.disturb(event.server)
      site?.reset()
      const running = world.processes.running().filter(({ command }) => command === event.server)
      return pick(running, event.nth)?.exit(1)
    }
    case "Mute":
      return estate?.mute(event.isOn)
    case "Slow":
      if (estate !== undefined) estate.slowness = event.millis
      return undefined
    case "Missing":
      if (estate !== undefined) estate.isMissing = event.isOn
      return undefined
    case "Relist":
      return estate?.relist()
    case "Expire":
      // Where nobody need notice, nobody may: only what is in flight is excused.
      world.excuses.all("server", (call) => call.server === event.server)
      return site?.expire()
    case "Busy":
      if (estate !== undefined && site !== undefined) estate.busy = event.times
      return undefined
    case "Reload":
      world.configured.change(event.change)
      return world.reload()
    case "Rules":
      world.configured.rule(event.person, event.server, event.tool)
      return world.rules()
    case "Stop":
      return world.operator.stop()
    case "Kill":
      return world.operator.kill()
    case "Jump":
      if (event.millis > 10 * MINUTE) world.excuses.all("time")
      return undefined
    case "Pass":
      return undefined
  }
}

/** Does what a step says, and lets happen what comes of it. */
export const carryOut = async (world: World, { event, turns }: Step): Promise<void> => {
  act(world, event)
  world.excuseTroubled()
  if (event._tag === "Pass") await world.pass(event.millis)
  if (event._tag === "Jump") await world.jump(event.millis)
  await world.settle(event._tag === "Pass" || event._tag === "Jump" ? undefined : turns)
  world.excuseTroubled()
}
