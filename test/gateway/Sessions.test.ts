/** Sessions and what is kept of them: what comes back with a later process, and what stays gone. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Streams } from "../../src/gateway/EventLogs.ts"
import { Sessions } from "../../src/gateway/Sessions.ts"
import * as Store from "../../src/storage/Store.ts"
import { collectingLogs } from "../support/logged.ts"
import { memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"

const ada = person("ada@example.com")
const everyone = rulesOf({ "*": { allowed_servers: ["*"] } })

/** A store that outlives a gateway, and can be made to fail. */
const durable = Effect.gen(function* () {
  const store = yield* Effect.provide(Store.Store, Layer.fresh(Store.layerMemory))
  const state = { fails: undefined as "get" | "put" | undefined }
  const failing = (what: "get" | "put") =>
    Effect.suspend(() =>
      state.fails === what
        ? Effect.fail(new Store.StoreError({ operation: what, reason: "the disk is full" }))
        : Effect.void
    )
  const layer = Layer.succeed(
    Store.Store,
    Store.Store.of({
      ...store,
      get: (table, key) => Effect.andThen(failing("get"), store.get(table, key)),
      put: (table, row, timeToLive) => Effect.andThen(failing("put"), store.put(table, row, timeToLive))
    })
  )
  return { layer, state }
})

/** Somebody's session, which watches a resource and wants a level, as an earlier process knew it. */
const watching = Effect.fnUntraced(function* (layer: Layer.Layer<Store.Store>) {
  const session = yield* (yield* memoryGateway(fleetOf(), everyone, { store: layer })).begin(ada)
  yield* session.call("resources/subscribe", { uri: "mem://a/x" })
  yield* session.call("logging/setLevel", { level: "error" })
  return { headers: session.headers, body: { jsonrpc: "2.0", id: 1, method: "ping" } }
})

const fleetOf = () => memoryFleet({ a: { offer: { resources: ["mem://x"] } }, b: { offer: { tools: ["t"] } } })

describe("a session that comes back with a later process", () => {
  it.effect("has its servers told again what it watches and which level it wants, each its own, before any call", () =>
    Effect.gen(function* () {
      const { layer } = yield* durable
      const asked = yield* watching(layer)
      const fleet = fleetOf()
      const second = yield* memoryGateway(fleet, everyone, { store: layer })
      yield* second.ask(ada, undefined, asked)
      yield* arrived(() => fleet.reached.length >= 3)
      assert.sameMembers([...fleet.reached], ["a level error", "a resources/subscribe", "b level error"])
    }).pipe(Effect.scoped)
  )

  it.effect("is not told what its person may not see any more", () =>
    Effect.gen(function* () {
      const { layer } = yield* durable
      const asked = yield* watching(layer)
      const fleet = fleetOf()
      const second = yield* memoryGateway(fleet, rulesOf({ "*": { allowed_servers: ["b"] } }), { store: layer })
      yield* second.ask(ada, undefined, asked)
      yield* arrived(() => fleet.reached.length >= 1)
      assert.deepStrictEqual([...fleet.reached], ["b level error"])
    }).pipe(Effect.scoped)
  )

  it.effect("is refused where the storage cannot say whether it was ended, and begins anew", () =>
    Effect.gen(function* () {
      const { layer, state } = yield* durable
      const session = yield* (yield* memoryGateway(fleetOf(), everyone, { store: layer })).begin(ada)
      const second = yield* memoryGateway(fleetOf(), everyone, { store: layer })
      state.fails = "get"
      const asked = { headers: session.headers, body: { jsonrpc: "2.0", id: 1, method: "ping" } }
      const [refused, lines] = yield* collectingLogs(second.ask(ada, undefined, asked))
      assert.strictEqual(refused.status, 404)
      assert.isTrue(lines.some(({ text }) => text.includes("the disk is full")))
      assert.strictEqual((yield* second.begin(ada)).begun.status, 200)
    }).pipe(Effect.scoped)
  )
})

describe("the end of a session", () => {
  it.effect("is not said before it would survive a crash: where it cannot be kept, the session goes on", () =>
    Effect.gen(function* () {
      const { layer, state } = yield* durable
      const gateway = yield* memoryGateway(fleetOf(), everyone, { store: layer })
      const session = yield* gateway.begin(ada)
      const end = { method: "DELETE", headers: session.headers }
      state.fails = "put"
      const [failed, lines] = yield* collectingLogs(gateway.ask(ada, undefined, end))
      assert.strictEqual(failed.status, 500)
      assert.isTrue(lines.some(({ level, text }) => level === "Error" && text.includes("the disk is full")))
      yield* session.call("ping")
      state.fails = undefined
      assert.strictEqual((yield* gateway.ask(ada, undefined, end)).status, 200)
      assert.strictEqual((yield* session.send("ping")).status, 404)
    }).pipe(Effect.scoped)
  )

  it.effect("is not undone by what is still under way in it", () =>
    Effect.gen(function* () {
      const { layer } = yield* durable
      const gateway = yield* memoryGateway(fleetOf(), everyone, { store: layer })
      const session = yield* gateway.begin(ada)
      const sessions = yield* Effect.provide(Sessions, gateway.services)
      const [known] = [...sessions.all()]
      yield* gateway.ask(ada, undefined, { method: "DELETE", headers: session.headers })
      if (known !== undefined) yield* sessions.save(known)
      assert.isDefined(known)
      const next = yield* memoryGateway(fleetOf(), everyone, { store: layer })
      const asked = { headers: session.headers, body: { jsonrpc: "2.0", id: 1, method: "ping" } }
      assert.strictEqual((yield* next.ask(ada, undefined, asked)).status, 404)
    }).pipe(Effect.scoped)
  )

  it.effect("ends who is just about to listen, too", () =>
    Effect.gen(function* () {
      const { layer } = yield* durable
      const gateway = yield* memoryGateway(fleetOf(), everyone, { store: layer })
      const session = yield* gateway.begin(ada)
      const sessions = yield* Effect.provide(Sessions, gateway.services)
      const streams = yield* Effect.provide(Streams, gateway.services)
      const [known] = [...sessions.all()]
      if (known === undefined) return yield* Effect.die("there is no session")
      yield* gateway.ask(ada, undefined, { method: "DELETE", headers: session.headers })
      const log = streams.open({ session: known.key, request: null })
      known.attach(log)
      assert.isTrue(log.isFinished)
    }).pipe(Effect.scoped)
  )
})
