/** Was it right how a call ended? */
import type { Call, Outcome } from "./Ledger.ts"
import { CLIENTS, TOOLS } from "./Step.ts"
import type { Excuse } from "./Excuses.ts"
import type { World } from "./World.ts"

const [READS] = TOOLS

/** More connections than there are clients. */
const MANY = 16

interface Facts {
  readonly call: Call
  /** How often it was begun. */
  readonly begun: number
  readonly has: (...any: ReadonlyArray<Excuse>) => boolean
}

/** How often a call was begun. A modern server that asks has not begun yet: it is called again with the answers. */
export const timesBegun = (world: World, { tag }: Call): number =>
  world.executions(tag).filter(({ state }) => state !== "asking").length

/** How often it may be carried out: what only reads may be begun a second time, where the operator agreed. */
export const mostTimes = (world: World, call: Call): number => {
  const [first] = world.executions(call.tag)
  if (first === undefined) return 1
  return first.tool === READS && world.estates.get(first.server)?.setup.isRepeated === true ? 2 : 1
}

const resultFault = (world: World, { begun, call, has }: Facts, text: string): string | undefined => {
  if (begun < 1 || begun > mostTimes(world, call)) return `has a result, and was carried out ${begun} times`
  if (call.plan._tag === "Error") return "has a result although its server answered with an error"
  const said = JSON.parse(text) as { readonly tag: string; readonly tool: string; readonly server: string }
  if (said.tag !== call.tag) return `has the result of ${said.tag}`
  if (said.server !== call.server && !has("names")) return `was carried out by ${said.server}`
  if (said.tool !== call.tool && !has("names")) return `was carried out as ${said.tool}`
  const execution = world.executions(call.tag).at(-1)
  return execution?.state === "answered" ? undefined : `has a result, and is ${execution?.state}`
}

/** Calls go on after their clients have left, and what has ended since all was at rest may have ended after another began. */
const mayGoOn = ({ ledger }: World, { ended = 0, outcome }: Call): boolean =>
  outcome === undefined || outcome._tag === "Left" || outcome._tag === "Cut" || ended > ledger.restedAt

/** Was there anything of that bound to wait for? What has ended since all was at rest may have ended after it. */
const limitFault = (world: World, { call }: Facts, message: string): string | undefined => {
  const { maxLanes, maxLanesPerUser, perOwner } = world.schedule.setup
  if (message.startsWith("All ")) {
    // There are fewer clients than the larger of these numbers.
    return maxLanes < MANY || maxLanesPerUser < MANY ? undefined : "found no connection"
  }
  const others = world.ledger.all().filter((other) => other !== call && mayGoOn(world, other))
  const count = (which: (other: Call) => boolean) => others.filter(which).length
  const server = world.boundsOf(call.server)
  const atOwner = count(({ person }) => person === call.person)
  const atServer = count(
    (other) => other.server === call.server || world.executions(other.tag).some((one) => one.server === call.server)
  )
  const isFull = atOwner >= perOwner.concurrent || atServer >= server.concurrent
  if (message.includes("turn did not come within")) return isFull ? undefined : "waited for nobody"
  const isTooLong = message.includes("of your calls wait already")
    ? atOwner >= perOwner.queued
    : atServer >= server.queued
  return isFull && isTooLong ? undefined : "found a place neither at once nor to wait, although there was one"
}

/** What an error has to be true of: whether its server may have been reached, and why it was given. */
const errorFault = (world: World, facts: Facts, code: number, message: string): string | undefined => {
  const { begun, call, has } = facts
  const untouched = (reason: boolean): string | undefined => {
    if (begun > 0) return `was carried out ${begun} times, and answered that it did not get through`
    call.isRefused = true
    return reason ? undefined : "failed for no reason"
  }
  const maybe = (reason: boolean): string | undefined => (reason ? undefined : "failed for no reason")
  const { plan } = call
  if (message.startsWith("requestState:")) return maybe(plan._tag === "Ask")
  if (message.includes("asked something that was not answered")) {
    const isAskable = CLIENTS[call.client]?.isAskable === true
    const isLate = message.includes("not within")
    return maybe(plan._tag === "Ask" && (isLate || !isAskable || call.replies.includes("error")))
  }
  switch (code) {
    case -31999:
      return plan._tag === "Error" && begun >= 1 ? undefined : "was answered with an error that nobody made"
    case -32602: {
      const estate = world.estates.get(call.server)
      const mayBeUnknown =
        call.isDenied !== false || call.tool === "extra" || !world.configured.isConfigured(call.server)
      return untouched(mayBeUnknown || estate === undefined || has("server", "names"))
    }
    case 1429:
      return untouched(true) ?? limitFault(world, facts, message)
    case 1499:
      return maybe(call.unwanted !== undefined || has("gateway"))
    case 1502:
      // What was said on a stream is kept for a while only.
      if (message.includes("too much time has passed")) return maybe(has("time", "gateway"))
      if (message.startsWith("Outcome unknown")) return maybe(plan._tag === "Crash" || has("server", "gateway"))
      return untouched(has("server"))
    case 1503:
      return untouched(has("server", "gateway") || world.isHeldBack(call.server))
    case 1504:
      if (message.includes("it was not sent")) return untouched(has("server"))
      return maybe(plan._tag === "Never" || plan._tag === "Held" || plan._tag === "Ask" || has("server"))
    default:
      return "failed in a way that nobody foresaw"
  }
}

const fault = (world: World, facts: Facts, outcome: Outcome): string | undefined => {
  const { call, has } = facts
  switch (outcome._tag) {
    case "Result":
      return resultFault(world, facts, outcome.text)
    case "Error":
      return errorFault(world, facts, outcome.code, outcome.message)
    case "Refused":
      return has("gateway", "session") || call.isForgotten ? undefined : "was turned away for no reason"
    case "Cut":
      return has("gateway", "session") || call.unwanted !== undefined ? undefined : "was cut off for no reason"
    case "Left":
      return undefined
  }
}

/** How a call ended, in a few words. */
export const show = ({ outcome }: Call): string => {
  if (outcome === undefined) return "nothing yet"
  if (outcome._tag === "Error") return `${outcome.code} ${outcome.message}`
  return outcome._tag === "Refused" ? `Refused ${outcome.status}` : outcome._tag
}

/** Holds the end of a call against all that is known of it. */
export const judge = (world: World, call: Call): void => {
  const { outcome } = call
  if (outcome === undefined) return
  const excuses = world.excuses.of(call)
  const facts: Facts = {
    call,
    begun: timesBegun(world, call),
    has: (...any) => any.some((one) => excuses?.has(one) === true)
  }
  const found = fault(world, facts, outcome)
  if (found !== undefined) {
    world.violate(
      "calls end as they should",
      `${call.tag} (${CLIENTS[call.client]?.name}, ${call.server}) ${found}: ${show(call)}`
    )
  }
}
