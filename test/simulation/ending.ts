/** The end of every schedule: all that was broken is mended, all works once more, and nothing is left. */
import { pick } from "./Client.ts"
import { call } from "./events.ts"
import { afterwards, atEnd } from "./invariants.ts"
import { CLIENTS } from "./Step.ts"
import type { World } from "./World.ts"

const SECOND = 1000
const MINUTE = 60 * SECOND

/** By then whatever is restarted has been, and circuits are closed. */
const LEAST_ROUNDS = 11
const SMALL_ROUNDS = 4
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
    if (round < SMALL_ROUNDS) await world.pass(50)
    else await world.jump(2 * SECOND)
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

/** Ends a world. What does not hold is found as everywhere. */
export const end = async (world: World): Promise<void> => {
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
  // Whatever looks around once in a while does so more than once.
  await world.jump(31 * SECOND)
  await world.pass(2 * SECOND)
  atEnd(world)
  world.operator.stop(true)
  await world.pass(10 * SECOND)
  if (world.violations.length === 0) afterwards(world)
}
