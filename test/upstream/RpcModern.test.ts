/** What differs between the eras on the wire: who may ask, and how a call is cancelled. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { answer, caller, cancellations, encode, openRpc } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

describe("a modern server", () => {
  it.effect("that asks is refused by us, whoever is calling, and that is a fault once", () =>
    Effect.gen(function* () {
      const { call, faults, rpc, transport, unrelated } = yield* openRpc()
      yield* rpc.agreed("2026-07-28")
      const one = caller(Effect.succeed(answer("{}")))
      yield* call("tools/call", one.handlers)
      transport.taken()
      for (const id of ["q1", "q2"]) transport.say({ jsonrpc: "2.0", id, method: "elicitation/create", params: {} }, 1)
      yield* settle
      assert.deepStrictEqual(
        transport.taken().map(({ error, id }) => [id, (error as { readonly code: number }).code]),
        [
          ["q1", -32601],
          ["q2", -32601]
        ]
      )
      assert.deepStrictEqual(one.heard, [])
      assert.deepStrictEqual(unrelated, [])
      assert.strictEqual(faults.length, 1)
      assert.match(faults[0] ?? "", /^sent a request, which modern servers may not: \{.*elicitation\/create/u)
    })
  )

  it.effect("over HTTP is told to cancel by the end of its stream, over a pipe by a message", () =>
    Effect.gen(function* () {
      for (const forgettingCancels of [true, false]) {
        const { rpc, transport } = yield* openRpc(Effect.never, forgettingCancels)
        yield* rpc.agreed("2026-07-28")
        const call = yield* Effect.forkScoped(rpc.request(encode("tools/call"), caller().handlers))
        yield* settle
        yield* Fiber.interrupt(call)
        assert.deepStrictEqual(transport.forgotten, [1])
        assert.deepStrictEqual(cancellations(transport.taken()), forgettingCancels ? [] : [1])
      }
    })
  )
})
