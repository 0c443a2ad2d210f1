/** A process of unknown era: asked first, and started a second time only where it ended over the question. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Approach from "../../src/upstream/Approach.ts"
import * as Connection from "../../src/upstream/Connection.ts"
import { DISCOVERED, INITIALIZED, openings, seeker, serverConfig } from "../support/connections.ts"
import { result } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

/** Somebody who seeks a way to a process, as far as it has come. */
const approach = Effect.fnUntraced(function* (more: Partial<Approach.Seeker> = {}) {
  const server = openings()
  let ended = 0
  const one = seeker({ endedAgain: () => void ended++, ...more })
  const fiber = yield* Effect.forkScoped(
    Effect.flatMap(Approach.local(server.open, one), (way) => Connection.agree(way, one))
  )
  yield* settle
  const transport = (index: number) => server.transports[index]!
  return {
    fiber,
    starts: () => server.transports.length,
    transport,
    methods: (index: number) =>
      transport(index)
        .taken()
        .map(({ method }) => method),
    endedAgain: () => ended,
    agreed: Effect.map(Fiber.join(fiber), ({ learned, peer }) => [peer.era, peer.revision, learned])
  }
})

const methodNotFound = (id: number) => ({ jsonrpc: "2.0", id, error: { code: -32601, message: "what?" } })

describe("a process", () => {
  it.effect("that answers the question is modern, and nothing else is said to it", () =>
    Effect.gen(function* () {
      const { agreed, methods, starts, transport } = yield* approach()
      transport(0).say(result(1, DISCOVERED))
      assert.deepStrictEqual(yield* agreed, ["modern", "2026-07-28", "modern"])
      assert.deepStrictEqual(methods(0), ["server/discover"])
      assert.strictEqual(starts(), 1)
    })
  )

  it.effect("is asked with the whole envelope", () =>
    Effect.gen(function* () {
      const { transport } = yield* approach()
      const [question] = transport(0).taken()
      const { _meta: meta } = question!["params"] as { readonly _meta: Record<string, unknown> }
      assert.strictEqual(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28")
      assert.property(meta["io.modelcontextprotocol/clientCapabilities"], "extensions")
      assert.property(meta["io.modelcontextprotocol/clientInfo"], "version")
    })
  )

  it.effect("that does not know the question is initialized, on the same process", () =>
    Effect.gen(function* () {
      const { agreed, methods, starts, transport } = yield* approach()
      transport(0).say(methodNotFound(1))
      yield* settle
      transport(0).say(result(2, INITIALIZED))
      assert.deepStrictEqual(yield* agreed, ["legacy", "2025-11-25", "legacy"])
      assert.deepStrictEqual(methods(0), ["server/discover", "initialize", "notifications/initialized"])
      assert.strictEqual(starts(), 1)
    })
  )

  it.effect("that says nothing is initialized after five seconds, and never told to cancel", () =>
    Effect.gen(function* () {
      const { agreed, methods, starts, transport } = yield* approach()
      yield* TestClock.adjust("4900 millis")
      yield* settle
      assert.deepStrictEqual(methods(0), ["server/discover"])
      yield* TestClock.adjust("100 millis")
      yield* settle
      assert.deepStrictEqual(methods(0), ["initialize"])
      transport(0).say(result(2, INITIALIZED))
      assert.deepStrictEqual(yield* agreed, ["legacy", "2025-11-25", "legacy"])
      assert.deepStrictEqual(methods(0), ["notifications/initialized"])
      assert.strictEqual(starts(), 1)
    })
  )

  it.effect("that is merely slow, and knows both eras, is remembered for the modern one", () =>
    Effect.gen(function* () {
      const { agreed, transport } = yield* approach()
      yield* TestClock.adjust("5 seconds")
      yield* settle
      transport(0).say(result(1, DISCOVERED))
      transport(0).say(result(2, INITIALIZED))
      assert.deepStrictEqual(yield* agreed, ["legacy", "2025-11-25", "modern"])
    })
  )

  it.effect("that is merely slow, and refuses to be initialized, is asked again and modern", () =>
    Effect.gen(function* () {
      const { agreed, starts, transport } = yield* approach()
      yield* TestClock.adjust("5 seconds")
      yield* settle
      transport(0).say(result(1, DISCOVERED))
      transport(0).say(methodNotFound(2))
      yield* settle
      transport(0).say(result(3, DISCOVERED))
      assert.deepStrictEqual(yield* agreed, ["modern", "2026-07-28", "modern"])
      assert.strictEqual(starts(), 1)
    })
  )

  it.effect("that ends over the question is started anew and initialized", () =>
    Effect.gen(function* () {
      const { agreed, endedAgain, methods, starts, transport } = yield* approach()
      yield* transport(0).lose("it exited with code 1")
      yield* settle
      assert.strictEqual(starts(), 2)
      assert.deepStrictEqual(methods(1), ["initialize"])
      transport(1).say(result(1, INITIALIZED))
      assert.deepStrictEqual(yield* agreed, ["legacy", "2025-11-25", "legacy"])
      assert.strictEqual(endedAgain(), 0)
    })
  )

  it.effect("that ends with and without the question fails for its own reason, and is not started a third time", () =>
    Effect.gen(function* () {
      const { endedAgain, fiber, starts, transport } = yield* approach()
      yield* transport(0).lose("it exited with code 1")
      yield* settle
      yield* transport(1).lose("it exited with code 2")
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber))).message, "it exited with code 2")
      assert.strictEqual(endedAgain(), 1)
      assert.strictEqual(starts(), 2)
    })
  )

  it.effect("known as modern is waited for as long as it takes, and fails where it ends", () =>
    Effect.gen(function* () {
      const { fiber, methods, starts, transport } = yield* approach({ era: "modern" })
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.deepStrictEqual(methods(0), ["server/discover"])
      yield* transport(0).lose("it exited with code 1")
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber))).message, "it exited with code 1")
      assert.strictEqual(starts(), 1)
    })
  )

  it.effect("known as legacy is not asked", () =>
    Effect.gen(function* () {
      const { agreed, methods, transport } = yield* approach({ era: "legacy" })
      transport(0).say(result(1, INITIALIZED))
      assert.deepStrictEqual(yield* agreed, ["legacy", "2025-11-25", undefined])
      assert.deepStrictEqual(methods(0), ["initialize", "notifications/initialized"])
    })
  )

  it.effect("known as legacy that refuses to be initialized is asked after all", () =>
    Effect.gen(function* () {
      const { agreed, starts, transport } = yield* approach({ era: "legacy" })
      transport(0).say(methodNotFound(1))
      yield* settle
      transport(0).say(result(2, DISCOVERED))
      assert.deepStrictEqual(yield* agreed, ["modern", "2026-07-28", "modern"])
      assert.strictEqual(starts(), 1)
    })
  )

  it.effect("configured as legacy is never asked, configured as modern never initialized", () =>
    Effect.gen(function* () {
      const legacy = yield* approach({ config: serverConfig({ era: "legacy" }), era: "legacy" })
      legacy.transport(0).say(methodNotFound(1))
      assert.match(
        (yield* Effect.flip(Fiber.join(legacy.fiber))).message,
        /^initialize: it answered with an error: what\?/u
      )
      assert.deepStrictEqual(legacy.methods(0), ["initialize"])
      const modern = yield* approach({ config: serverConfig({ era: "modern" }), era: "modern" })
      modern.transport(0).say(methodNotFound(1))
      assert.match((yield* Effect.flip(Fiber.join(modern.fiber))).message, /does not speak 2026-07-28/u)
      assert.deepStrictEqual(modern.methods(0), ["server/discover"])
    })
  )
})
