/** What a modern server offers: how long it may be believed, who fetches it anew, and what of it cannot be called. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Catalogue from "../../src/domain/Catalogue.ts"
import * as Status from "../../src/domain/UpstreamStatus.ts"
import * as Offers from "../../src/upstream/Offers.ts"
import type { UpstreamState } from "../../src/upstream/Upstream.ts"
import { modernConnection, serverConfig } from "../support/connections.ts"
import { result } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

const offers = Effect.fnUntraced(function* (options: { readonly isHttp?: boolean; readonly covered?: boolean } = {}) {
  const { connection, transport, wait } = yield* modernConnection({ tools: {}, prompts: {} }, options.isHttp)
  const initial: UpstreamState = {
    status: Status.ready,
    peer: connection.peer,
    catalogue: Catalogue.empty,
    hints: {},
    startMillis: undefined,
    note: undefined
  }
  const state = yield* SubscriptionRef.make(initial)
  const published: Array<unknown> = []
  const complaints: Array<string> = []
  const made = yield* Offers.make({
    config: serverConfig({ callTimeout: Duration.seconds(2) }),
    state,
    shelf: new Catalogue.Shelf(),
    publish: (event) => void published.push(event),
    connected: Effect.succeed(connection),
    current: () => connection,
    complain: (text) => Effect.sync(() => void complaints.push(text)),
    covers: () => options.covered === true
  })
  const now = () => SubscriptionRef.getUnsafe(state)
  /** The requests made since it was last asked. */
  const asked = () => transport.taken().map(({ id, method }) => [id, method] as const)
  /** Answers the latest requests for tools, and those for prompts with none. */
  const answer = Effect.fnUntraced(function* (tools: ReadonlyArray<object>, more: object) {
    for (const [id, method] of asked()) {
      transport.say(result(id, method === "tools/list" ? { tools, ...more } : { prompts: [] }))
    }
    yield* settle
  })
  return { answer, asked, complaints, made, now, published, transport, wait, connection }
})

const names = (state: UpstreamState) => state.catalogue.lists.tools.map(({ name }) => name)

describe("hints", () => {
  it.effect("are those of the list, the least of all its pages", () =>
    Effect.gen(function* () {
      const { asked, connection, made, now, transport } = yield* offers()
      const fetching = yield* Effect.forkScoped(made.fetch(connection, ["tools"]))
      yield* settle
      const page = (more: object) => {
        for (const [id] of asked()) transport.say(result(id, { tools: [], ...more }))
        return settle
      }
      yield* page({ ttlMs: 5000, cacheScope: "public", nextCursor: "2" })
      yield* page({ ttlMs: 9000, cacheScope: "private", nextCursor: "3" })
      yield* page({ ttlMs: 7000, cacheScope: "public" })
      yield* made.adopt(yield* Fiber.join(fetching))
      assert.deepStrictEqual(now().hints, { tools: { ttlMs: 5000, cacheScope: "private" } })
    })
  )

  it.effect("are none where the server gives none, or not for every page", () =>
    Effect.gen(function* () {
      const { asked, connection, made, now, transport } = yield* offers()
      const fetching = yield* Effect.forkScoped(made.fetch(connection, ["tools"]))
      yield* settle
      for (const more of [{ ttlMs: 5000, cacheScope: "public", nextCursor: "2" }, {}]) {
        for (const [id] of asked()) transport.say(result(id, { tools: [], ...more }))
        yield* settle
      }
      yield* made.adopt(yield* Fiber.join(fetching))
      assert.deepStrictEqual(now().hints, {})
    })
  )
})

describe("lists", () => {
  const begin = Effect.fnUntraced(function* (ttlMs: number | undefined, covered = false) {
    const all = yield* offers({ covered })
    const fetching = yield* Effect.forkScoped(all.made.fetch(all.connection, Catalogue.KINDS))
    yield* settle
    const hint = ttlMs === undefined ? {} : { ttlMs, cacheScope: "public" }
    yield* all.answer([{ name: "a" }], hint)
    yield* all.made.adopt(yield* Fiber.join(fetching))
    return { ...all, hint }
  })

  it.effect("are believed for as long as the server says, and then fetched once for all who ask", () =>
    Effect.gen(function* () {
      const { answer, asked, hint, made, now, published, wait } = yield* begin(5000)
      yield* wait(4999)
      yield* made.freshen
      assert.deepStrictEqual(asked(), [])
      assert.isTrue(made.isFresh())
      yield* wait(1)
      assert.isFalse(made.isFresh())
      const first = yield* Effect.forkScoped(made.freshen)
      yield* settle
      const second = yield* Effect.forkScoped(made.freshen)
      yield* settle
      // Whoever asked first goes; the other is served all the same.
      yield* Fiber.interrupt(first)
      assert.isUndefined(second.pollUnsafe())
      yield* answer([{ name: "b" }], hint)
      yield* Fiber.join(second)
      assert.deepStrictEqual(names(now()), ["b"])
      assert.strictEqual(published.length, 2)
      assert.isTrue(made.isFresh())
      yield* made.freshen
      assert.deepStrictEqual(asked(), [])
    })
  )

  it.effect("of which the server says nothing, or tells when they change, are not fetched again", () =>
    Effect.gen(function* () {
      for (const [ttlMs, covered] of [
        [undefined, false],
        [0, true]
      ] as const) {
        const { asked, made, wait } = yield* begin(ttlMs, covered)
        yield* wait("1 day")
        assert.isTrue(made.isFresh())
        yield* made.freshen
        assert.deepStrictEqual(asked(), [])
      }
    })
  )

  it.effect("that cannot be fetched again stay as they were", () =>
    Effect.gen(function* () {
      const { asked, made, now, transport } = yield* begin(0)
      const freshening = yield* Effect.forkScoped(made.freshen)
      yield* settle
      for (const [id] of asked()) transport.say({ jsonrpc: "2.0", id, error: { code: -32603, message: "not now" } })
      yield* Fiber.join(freshening)
      assert.deepStrictEqual(names(now()), ["a"])
    })
  )

  it.effect("that take longer than a call may are not waited for", () =>
    Effect.gen(function* () {
      const { made, now, wait } = yield* begin(0)
      const freshening = yield* Effect.forkScoped(made.freshen)
      yield* wait("1999 millis")
      assert.isUndefined(freshening.pollUnsafe())
      yield* wait("1 millis")
      yield* Fiber.join(freshening)
      assert.deepStrictEqual(names(now()), ["a"])
    })
  )
})

describe("a tool whose headers are impossible", () => {
  const bad = {
    name: "bad",
    inputSchema: { type: "object", properties: { n: { type: "number", "x-mcp-header": "N" } } }
  }

  const listed = Effect.fnUntraced(function* (isHttp: boolean) {
    const { answer, complaints, connection, made, now } = yield* offers({ isHttp })
    for (let time = 0; time < 2; time++) {
      const fetching = yield* Effect.forkScoped(made.fetch(connection, ["tools"]))
      yield* settle
      yield* answer([{ name: "good" }, bad], {})
      yield* made.adopt(yield* Fiber.join(fetching))
    }
    return [names(now()), complaints] as const
  })

  it.effect("is left out over HTTP, which is complained of once", () =>
    Effect.gen(function* () {
      const [tools, complaints] = yield* listed(true)
      assert.deepStrictEqual(tools, ["good"])
      assert.deepStrictEqual(complaints, [
        'server: the tool "bad" is left out: x-mcp-header "N" is of a type that headers cannot have'
      ])
    })
  )

  it.effect("is offered over a pipe, where there are no headers", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* listed(false), [["good", "bad"], []])
    })
  )
})
