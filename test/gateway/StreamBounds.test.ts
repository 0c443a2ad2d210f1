/** How many event streams to clients are open at a time. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { anonymous } from "../../src/domain/Principal.ts"
import * as Json from "../../src/domain/Json.ts"
import * as EventIds from "../../src/gateway/EventIds.ts"
import { StreamBounds, Streams } from "../../src/gateway/EventLogs.ts"
import { Sessions } from "../../src/gateway/Sessions.ts"
import { memoryFleet } from "../support/memoryFleet.ts"
import { arrived, EVERYBODY, memoryGateway, person } from "../support/memoryGateway.ts"

const ADA = person("ada@example.com")
const BOB = person("bob@example.com")
const CHANGES = { toolsListChanged: true }

const scene = Effect.fnUntraced(function* (most: number, mostOfOne: number) {
  const fleet = memoryFleet({ one: { offer: { tools: ["work"] } } })
  const gateway = yield* memoryGateway(fleet, EVERYBODY, { bounds: Layer.succeed(StreamBounds, { most, mostOfOne }) })
  const { streams } = yield* Effect.provide(Streams, gateway.services)
  return { ...gateway, streams }
})

describe("at the bound of one person's streams", () => {
  it.effect("a further one is refused, of either era, with the setting; others have theirs", () =>
    Effect.gen(function* () {
      const { ask, begin, once, subscribe } = yield* scene(9, 1)
      const session = yield* begin(ADA)
      yield* session.listen
      const standing = yield* ask(ADA, undefined, { method: "GET", headers: session.headers })
      assert.deepStrictEqual([standing.status, standing.headers["retry-after"]], [429, "1"])
      assert.include(standing.body, "1 of your streams are open already (MCP_MAX_STREAMS_PER_USER)")
      const { error } = yield* once(ADA, 7, "subscriptions/listen", { notifications: CHANGES })
      assert.deepStrictEqual(error, {
        code: 1429,
        message: "1 of your streams are open already (MCP_MAX_STREAMS_PER_USER)"
      })
      assert.strictEqual((yield* subscribe(BOB, 1, { toolsListChanged: true })).status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("one that ends makes room, whoever ends it", () =>
    Effect.gen(function* () {
      const { streams, subscribe } = yield* scene(9, 1)
      const { leave } = yield* subscribe(ADA, 1, CHANGES)
      assert.deepStrictEqual([streams.of(`user ${ADA.subject}`), streams.total], [1, 1])
      yield* leave
      yield* arrived(() => streams.total === 0)
      assert.strictEqual((yield* subscribe(ADA, 2, CHANGES)).status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("calls are answered all the same, as JSON", () =>
    Effect.gen(function* () {
      const { ask, begin } = yield* scene(9, 1)
      const session = yield* begin(ADA)
      yield* session.listen
      const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "work" } }
      // It would rather have a stream.
      const headers = { ...session.headers, accept: "text/event-stream, application/json" }
      const answered = yield* ask(ADA, undefined, { headers, body: message })
      assert.deepStrictEqual([answered.status, answered.headers["content-type"]], [200, "application/json"])
      assert.include(answered.body, '"result"')
      const insists = yield* ask(ADA, undefined, {
        headers: { ...session.headers, accept: "text/event-stream" },
        body: message
      })
      assert.strictEqual(insists.status, 429)
    }).pipe(Effect.scoped)
  )
})

describe("at the bound of all streams", () => {
  it.effect("nobody has a further one", () =>
    Effect.gen(function* () {
      const { once, subscribe } = yield* scene(1, 9)
      yield* subscribe(ADA, 1, CHANGES)
      const { error } = yield* once(BOB, 2, "subscriptions/listen", { notifications: CHANGES })
      assert.strictEqual(error?.message, "1 streams are open already (MCP_MAX_STREAMS)")
    }).pipe(Effect.scoped)
  )

  it.effect("those of nobody count too", () =>
    Effect.gen(function* () {
      const { once, subscribe } = yield* scene(1, 1)
      yield* subscribe(anonymous, 1, CHANGES)
      const { error } = yield* once(anonymous, 2, "subscriptions/listen", { notifications: CHANGES })
      assert.strictEqual(error?.message, "1 streams are open already (MCP_MAX_STREAMS)")
    }).pipe(Effect.scoped)
  )
})

describe("a standing stream whose client leaves", () => {
  it.effect("is kept for the client's return if anything was said on it, and only then", () =>
    Effect.gen(function* () {
      const fleet = memoryFleet({ one: { offer: { tools: ["work"] } } })
      const { begin, services } = yield* memoryGateway(fleet, EVERYBODY)
      const logs = yield* Effect.provide(Streams, services)
      const sessions = yield* Effect.provide(Sessions, services)
      const { listen } = yield* begin(ADA)
      const counts = () => logs.counts.map(([, count]) => count)

      const silent = yield* listen
      assert.deepStrictEqual(counts(), [1, 0])
      yield* silent.leave
      yield* arrived(() => logs.streams.total === 0)
      assert.deepStrictEqual(counts(), [0, 0])

      const spoken = yield* listen
      for (const session of sessions.all()) session.tell(Json.utf8("{}"))
      yield* arrived(() => spoken.heard.length > 0)
      yield* spoken.leave
      yield* arrived(() => logs.streams.total === 0)
      assert.deepStrictEqual(counts(), [0, 1])
    }).pipe(Effect.scoped)
  )

  it.effect("and who takes it up before that was noticed, hears what is said from then on", () =>
    Effect.gen(function* () {
      const fleet = memoryFleet({ one: { offer: { tools: ["work"] } } })
      const { ask, begin, services } = yield* memoryGateway(fleet, EVERYBODY)
      const sessions = yield* Effect.provide(Sessions, services)
      const eventIds = yield* Effect.provide(EventIds.EventIds, services)
      const { headers, listen } = yield* begin(ADA)
      const hanging = yield* listen
      const [session] = sessions.all()
      const log = session?.listening
      if (session === undefined || log === undefined) return assert.fail("nobody listens")
      const lastEventId = EventIds.format(yield* eventIds.prefix(log.name), 0)
      const again = yield* Effect.forkChild(
        ask(ADA, undefined, { method: "GET", headers: { ...headers, "last-event-id": lastEventId } })
      )
      yield* arrived(hanging.hasEnded)
      session.tell(Json.utf8('{"said":"late"}'))
      yield* sessions.end(session)
      assert.include((yield* Fiber.join(again)).body, '{"said":"late"}')
    }).pipe(Effect.scoped)
  )
})
