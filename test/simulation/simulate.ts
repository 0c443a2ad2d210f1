/** Lives through a schedule, and says what did not hold. */
import { install, type Cipher } from "./cipher.ts"
import { pick } from "./Client.ts"
import { afterStep, afterwards, atEnd } from "./invariants.ts"
import { judge } from "./judge.ts"
import type { Call } from "./Ledger.ts"
import type { Event, Schedule, Step } from "./Step.ts"
import { CLIENTS, print } from "./Step.ts"
import type { Mutant } from "./mutants.ts"
import { type Violation, World } from "./World.ts"

const SECOND = 1000
const MINUTE = 60 * SECOND

/** Makes a call, with all that may excuse it from the beginning. */
const call = (world: World, made: Pick<Call, "client" | "person" | "server" | "tool" | "plan">): void => {
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

const carryOut = async (world: World, { event, turns }: Step): Promise<void> => {
  act(world, event)
  world.excuseTroubled()
  if (event._tag === "Pass") await world.pass(event.millis)
  if (event._tag === "Jump") await world.jump(event.millis)
  await world.settle(event._tag === "Pass" || event._tag === "Jump" ? undefined : turns)
  world.excuseTroubled()
}

/** By then whatever is restarted has been, and circuits are closed. */
const LEAST_ROUNDS = 11
const MOST_ROUNDS = 40

/** Nothing goes wrong any more, and everybody does what is expected of them. */
const heal = async (world: World): Promise<void> => {
  for (const estate of world.estates.values()) {
    estate.isMissing = false
    estate.slowness = 0
    estate.busy = 0
    estate.mute(false)
  }
  await world.settle()
  // What was given up is given one more try.
  world.operator.retry()
  const idle = world.operator.idle()
  for (let round = 0; round < LEAST_ROUNDS || !idle(); round++) {
    if (round === MOST_ROUNDS) return world.violate("all calls come to an end", "the proxy is still busy with some")
    await world.pass(round < 4 ? 50 : 2 * SECOND)
    for (const client of world.clients) for (let nth = 0; nth < 8; nth++) client.reply(0, "accept")
    await world.settle()
  }
}

/** A client of each era calls every server once more, and every call has to work. */
const probe = async (world: World): Promise<void> => {
  const { seed } = world.schedule
  const some = ["legacy", "modern"].map((era) => {
    const alike = [...CLIENTS.entries()].filter(([, client]) => client.era === era)
    return pick(alike, seed)
  })
  for (const found of some) {
    if (found === undefined) continue
    const [index, { person }] = found
    world.clients[index]?.begin()
    await world.settle()
    for (const server of world.estates.keys()) {
      if (world.clients[index]?.isReady() !== true || !world.configured.isConfigured(server)) continue
      world.step++
      call(world, { client: index, person, server, tool: "read", plan: { _tag: "Quick" } })
      await world.settle()
      if (world.ledger.open().length > 0) await world.pass(SECOND)
    }
  }
}

const end = async (world: World): Promise<void> => {
  await heal(world)
  world.ledger.restedAt = world.step
  await probe(world)
  for (const call of world.ledger.all()) {
    if (call.outcome === undefined)
      world.violate(
        "each call has an outcome",
        `${call.tag} (${CLIENTS[call.client]?.name}, ${call.server}, ${call.plan._tag}) has none`
      )
  }
  for (const client of world.clients) client.vanish()
  await world.settle()
  await world.jump(11 * MINUTE)
  await world.pass(31 * SECOND)
  atEnd(world)
  world.operator.stop(true)
  await world.pass(10 * SECOND)
}

/** What did not hold in the world of a schedule; nothing after the first of it is carried out. */
export const simulate = async (
  schedule: Schedule,
  options: { readonly mutant?: Mutant | undefined; readonly trace?: (line: string) => void } = {}
): Promise<ReadonlyArray<Violation>> => {
  const cipher = shared()
  // Of errors that are foreseen nobody reads where they came from, and it takes time to find out.
  const { stackTraceLimit } = Error
  if (options.trace === undefined) Error.stackTraceLimit = 0
  const world = new World(schedule, { cipher, mutant: options.mutant, onEnd: judge })
  try {
    await world.settle()
    for (const step of schedule.steps) {
      world.step++
      options.trace?.(`${world.step}. ${print(step)}`)
      await carryOut(world, step)
      const isAtRest = step.turns === undefined
      if (isAtRest) world.ledger.restedAt = world.step
      afterStep(world, isAtRest)
      if (world.violations.length > 0) return world.violations
    }
    world.step++
    await end(world)
    if (world.violations.length === 0) afterwards(world)
  } catch (error) {
    world.violate("nothing fails unexpectedly", error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return world.violations
}

let cipher: Cipher | undefined
const shared = (): Cipher => (cipher ??= install())
