/** How many connections to one server there are, in all and of one owner. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { MaxOpsBeforeYield } from "effect/Scheduler"
import * as TestClock from "effect/testing/TestClock"
import type { Caller } from "../../src/domain/Lane.ts"
import { anonymous, type Principal } from "../../src/domain/Principal.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import * as Fleet from "../../src/fleet/Fleet.ts"
import * as Store from "../../src/storage/Store.ts"
import { EraVerdicts } from "../../src/upstream/EraVerdicts.ts"
import { HttpAgent } from "../../src/upstream/HttpAgent.ts"
import { Reaper } from "../../src/upstream/Reaper.ts"
import { serverConfig } from "../support/connections.ts"
import { person } from "../support/memoryGateway.ts"

const ADA = person("ada@example.com")
const BOB = person("bob@example.com")

const platform = Layer.mergeAll(HttpAgent.layer, Reaper.layer).pipe(Layer.provideMerge(NodeServices.layer))

/** A server that nobody needs to reach, each session of which has a connection of its own. */
const server = serverConfig({
  isolation: "session",
  transport: { _tag: "Http", url: "http://127.0.0.1:1/", headers: {} }
})

const scene = Effect.fnUntraced(function* (maxLanes: number | undefined, maxLanesPerUser: number | undefined) {
  const config = {
    servers: [server],
    naming: "auto",
    pageSize: 10,
    maxLanes,
    maxLanesPerUser,
    laneIdle: Duration.hours(1)
  } as const
  const context = yield* Layer.build(
    Fleet.layer(config).pipe(
      Layer.provide(EraVerdicts.layer.pipe(Layer.provide(Store.layerMemory))),
      Layer.provide(platform)
    )
  )
  const fleet = yield* Effect.provide(Fleet.Fleet, context)
  const caller = (session: string, principal: Principal): Caller => ({
    principal,
    session: SessionKey.make(session),
    capabilities: {},
    revision: "2025-11-25"
  })
  /** Uses the connection of a session a second after whatever was before, for as long as the scope lives. */
  const use = (session: string, principal = ADA) =>
    Effect.andThen(TestClock.adjust("1 second"), fleet.borrow(server.id, caller(session, principal)))
  /** The sessions that have a connection. */
  const open = (...sessions: ReadonlyArray<string>) =>
    sessions.filter((session) => fleet.peek(server.id, caller(session, ADA)) !== undefined)
  return { use, visit: (session: string, principal?: Principal) => Effect.scoped(use(session, principal)), open }
})

describe("at the bound of one person's connections", () => {
  it.effect("the one of theirs that was idle longest makes room, and nobody else's", () =>
    Effect.gen(function* () {
      const { open, visit } = yield* scene(undefined, 2)
      yield* visit("bob 1", BOB)
      yield* visit("ada 1")
      yield* visit("ada 2")
      yield* visit("ada 1")
      yield* visit("ada 3")
      assert.deepStrictEqual(open("bob 1", "ada 1", "ada 2", "ada 3"), ["bob 1", "ada 1", "ada 3"])
    }).pipe(Effect.scoped)
  )

  it.effect("where all of theirs are in use, only they are refused", () =>
    Effect.gen(function* () {
      const { open, use, visit } = yield* scene(undefined, 2)
      yield* use("ada 1")
      yield* use("ada 2")
      yield* visit("bob 1", BOB)
      assert.strictEqual(
        (yield* Effect.flip(visit("ada 3"))).message,
        'All 2 connections to server "server" that you may have are in use (gateway.maxLanesPerUser)'
      )
      yield* visit("bob 2", BOB)
      assert.deepStrictEqual(open("bob 1", "ada 1", "ada 2", "ada 3", "bob 2"), ["bob 1", "ada 1", "ada 2", "bob 2"])
    }).pipe(Effect.scoped)
  )

  it.effect(
    "that there are is 256 where nothing is said, and none for who has not signed in",
    () =>
      Effect.gen(function* () {
        const { use } = yield* scene(undefined, undefined)
        yield* Effect.forEach(Array.from({ length: 256 }), (_, index) => use(`ada ${index}`), { discard: true })
        assert.match((yield* Effect.flip(use("ada 256"))).message, /^All 256 connections .*maxLanesPerUser/u)
        yield* Effect.forEach(Array.from({ length: 300 }), (_, index) => use(`x ${index}`, anonymous), {
          discard: true
        })
      }).pipe(Effect.scoped),
    // Hundreds of connections are opened.
    120_000
  )
})

describe("at the bound of all connections", () => {
  it.effect("whoever needs a further one gives up one of their own, if they have one that is idle", () =>
    Effect.gen(function* () {
      const { open, visit } = yield* scene(2, 9)
      yield* visit("bob 1", BOB)
      yield* visit("ada 1")
      yield* visit("ada 2")
      assert.deepStrictEqual(open("bob 1", "ada 1", "ada 2"), ["bob 1", "ada 2"])
      yield* visit("bob 2", BOB)
      assert.deepStrictEqual(open("bob 1", "bob 2", "ada 2"), ["bob 2", "ada 2"])
    }).pipe(Effect.scoped)
  )

  it.effect("two who need the last one at the same time are not both given one", () =>
    Effect.gen(function* () {
      const { open, use } = yield* scene(1, 9)
      const both = yield* Effect.forEach(["ada 1", "ada 2"], (session) => Effect.exit(use(session)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(both.map(Exit.isSuccess), [true, false])
      assert.deepStrictEqual(open("ada 1", "ada 2"), ["ada 1"])
      // Each gives way to the other after every few operations.
    }).pipe(Effect.scoped, Effect.provideService(MaxOpsBeforeYield, 16))
  )

  it.effect(
    "otherwise the one that was idle longest is given up, and where none is idle nobody has a further one",
    () =>
      Effect.gen(function* () {
        const { open, use, visit } = yield* scene(2, 9)
        yield* visit("bob 1", BOB)
        yield* use("ada 1")
        yield* use("ada 2")
        assert.deepStrictEqual(open("bob 1", "ada 1", "ada 2"), ["ada 1", "ada 2"])
        assert.strictEqual(
          (yield* Effect.flip(visit("bob 2", BOB))).message,
          'All 2 connections to server "server" are in use (gateway.maxLanes)'
        )
      }).pipe(Effect.scoped)
  )
})
